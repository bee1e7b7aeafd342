"""The identity provider from the command line, against a whole server that may call nobody inside."""

import json
import os
from pathlib import Path

from tests.e2e.server import Server

SECRET = "a client secret that nobody sees again"


def test_a_provider_is_set_shown_tried_and_removed_and_its_secret_is_nowhere(server: Server) -> None:
    name = f"provider-{os.urandom(4).hex()}"
    assert server.cli("workspace", "create", name).returncode == 0
    token = server.token("admin", name)

    def provider(*words: str, stdin: str = "") -> tuple[int, str, str]:
        ended = server.cli("provider", *words, token=token, stdin=stdin)
        return ended.returncode, ended.stdout, ended.stderr

    assert provider("show")[0] == 5
    inside = provider("set", "http://10.0.0.1", "--client-id", "tidegate")
    assert (inside[0], "[issuer]" in inside[2]) == (2, True)
    assert provider("set", "https://127.0.0.1:9", "--client-id", "tidegate", "--group", "ops")[0] == 2
    settings = (
        "--client-id",
        "tidegate",
        "--domain",
        "example.com",
        "--default-role",
        "viewer",
        "--group",
        "a=b=admin",
    )
    made = provider("set", "https://localhost:9443", *settings, "--client-secret-file", "-", stdin=f"{SECRET}\n")
    assert made[0] == 0, made[2]
    shown = json.loads(provider("show")[1])
    assert shown["redirectUri"] == f"{server.url}/sign-in/callback/{name}"
    assert (shown["hasClientSecret"], shown["groupRoles"]) == (True, {"a=b": "admin"})
    tried = provider("test")
    assert tried[0] == 7
    assert "provider_unavailable" in tried[2]
    assert provider("remove")[0] == 0
    assert provider("remove")[0] == 5
    audit = server.cli("audit", "list", "--action", "identity-provider:", "--json", token=token)
    assert [record["action"] for record in json.loads(audit.stdout)["items"]] == [
        "identity-provider:remove",
        "identity-provider:set",
    ]
    written = [file for file in Path(server.data_dir).rglob("*") if file.is_file() and file.stat().st_size < 64 * 2**20]
    assert not any(SECRET.encode() in file.read_bytes() for file in written if os.access(file, os.R_OK))


def test_a_wrong_list_of_allowed_destinations_stops_the_start(tmp_path: Path) -> None:
    unstarted = Server(tmp_path)
    ended = unstarted.cli("serve", environment={"TIDEGATE_EGRESS_ALLOW": "idp.internal"})
    assert ended.returncode == 2
    assert "egress_allow_invalid" in ended.stderr
    assert "'idp.internal' is neither host:port nor a network" in ended.stderr
