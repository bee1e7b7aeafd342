"""People and machines as a newcomer meets them: a real server, its pages and its command line."""

import contextlib
import json
import os
import re
import stat
import urllib.parse
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from tests.e2e.server import Server, wait_until

PASSWORD = "four unlikely words here"
_SECRET = re.compile(r'aria-label="Secret, shown once">([^<]+)<')
_PROOF = re.compile(r'name="form_token" value="([0-9a-f]+)"')


class Browser:
    """A browser without script."""

    def __init__(self, url: str) -> None:
        self.client = httpx.Client(base_url=url, headers={"origin": url}, timeout=120)

    def send(self, path: str, *, on: str = "", **fields: str) -> httpx.Response:
        """Send a form of the page `on`."""
        proof = _PROOF.search(self.client.get(on).text) if on else None
        return self.client.post(path, data={**({"form_token": proof[1]} if proof else {}), **fields})


@pytest.fixture
def config(tmp_path: Path) -> dict[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path / "config")}


@pytest.fixture
def new_browser(server: Server) -> Iterator[Callable[[], Browser]]:
    """Open a browser at each call; all are closed at the end."""
    with contextlib.ExitStack() as opened:

        def make() -> Browser:
            browser = Browser(server.url)
            opened.enter_context(browser.client)
            return browser

        yield make


@pytest.fixture
def owner(server: Server, new_browser: Callable[[], Browser]) -> Browser:
    """Sign in with the operator's link, become the first owner of a workspace of one's own."""
    name = f"people-{os.urandom(4).hex()}"
    assert server.cli("workspace", "create", name).returncode == 0
    link = server.cli("sign-in-link", "--workspace", name).stdout.strip()
    browser = new_browser()
    secret = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["link"][0]
    assert browser.send("/sign-in", link=secret).status_code == 303
    made = browser.send("/account/owner", on="/account", email=f"{name}@example.com", name="Ada", password=PASSWORD)
    assert made.status_code == 303, made.text
    return browser


def token_of(browser: Browser, scope: str) -> str:
    page = browser.send("/tokens", on="/tokens", name="shell", scope=scope, days="30")
    found = _SECRET.search(page.text)
    assert found is not None, page.text
    return found[1]


def test_login_keeps_the_token_where_nobody_else_reads_it_and_logout_forgets_it(
    server: Server, owner: Browser, config: dict[str, str], tmp_path: Path
) -> None:
    token = token_of(owner, "admin")
    login = server.cli("login", environment=config, stdin=f"{token}\n")
    assert login.returncode == 0, login.stderr
    assert token not in login.stdout + login.stderr
    kept = tmp_path / "config" / "tidegate" / "login.json"
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert stat.S_IMODE(kept.parent.stat().st_mode) == 0o700
    who = server.cli("whoami", "--json", environment=config)
    assert json.loads(who.stdout)["role"] == "owner"
    listed = server.cli("token", "list", environment=config)
    assert token[:7] in listed.stdout
    assert token not in listed.stdout
    elsewhere = server.cli("whoami", environment=config | {"TIDEGATE_URL": "http://127.0.0.1:9"})
    assert elsewhere.returncode == 7
    kept.chmod(0o644)
    assert server.cli("whoami", environment=config).returncode == 4
    kept.chmod(0o600)
    assert server.cli("logout", environment=config).returncode == 0
    assert server.cli("whoami", environment=config).returncode == 4


def test_a_token_that_proves_nothing_is_not_kept(server: Server, config: dict[str, str], tmp_path: Path) -> None:
    token_file = tmp_path / "token"
    token_file.write_text("tg_nonsense")
    login = server.cli("--token-file", str(token_file), "login", environment=config)
    assert login.returncode == 4
    assert not (tmp_path / "config" / "tidegate" / "login.json").exists()


def test_somebody_is_invited_joins_signs_in_and_is_removed(
    server: Server, owner: Browser, new_browser: Callable[[], Browser]
) -> None:
    token = token_of(owner, "admin")
    email = f"{os.urandom(4).hex()}@example.com"
    link = server.cli("member", "invite", email, "--role", "engineer", token=token).stdout.strip()
    assert link.startswith(server.url)
    secret = urllib.parse.parse_qs(urllib.parse.urlsplit(link).query)["invitation"][0]
    browser = new_browser()
    joined = browser.send("/accept-invitation", invitation=secret, name="Grace", password=PASSWORD)
    assert joined.status_code == 303, joined.text
    again = new_browser()
    assert again.send("/sign-in/password", email=email, password=PASSWORD).status_code == 303
    assert "Grace" in again.client.get("/account").text
    listed = server.cli("member", "list", token=token)
    assert f"{email}\tengineer" in listed.stdout
    assert server.cli("member", "set-role", email, "viewer", token=token).returncode == 0
    assert server.cli("member", "remove", email, token=token).returncode == 0
    assert server.cli("member", "remove", email, token=token).returncode == 5
    wait_until(lambda: again.client.get("/account").status_code == 303, within_s=2, what="refused")


def test_a_service_account_sends_with_a_token_that_is_rotated_and_revoked(server: Server, owner: Browser) -> None:
    token = token_of(owner, "admin")
    account = server.cli("service-account", "create", "ci", "--role", "engineer", token=token).stdout.strip()
    made = server.cli(
        "token", "create", "--name", "otlp", "--for", account, "--scope", "ingest", "--service", "api", token=token
    )
    assert made.returncode == 0, made.stderr
    secret = made.stdout.strip()
    body, headers = b'{"resourceSpans":[]}', {"content-type": "application/json"}

    def sent() -> int:
        return server.call("POST", "/v1/traces", token=secret, body=body, headers=headers)[0]

    assert sent() == 200
    token_id = made.stderr.partition(":")[0]
    rotated = server.cli("token", "rotate", token_id, "--json", token=token)
    assert json.loads(rotated.stdout)["rotatedFrom"] == token_id
    assert sent() == 200
    assert server.cli("token", "revoke", token_id, token=token).returncode == 0
    wait_until(lambda: sent() == 401, within_s=2, what="refused")


def test_the_operator_lists_rotates_and_revokes_tokens_and_suspends_and_deletes_workspaces(server: Server) -> None:
    name = f"people-{os.urandom(4).hex()}"
    data_dir = ("--data-dir", str(server.data_dir))
    assert server.cli("workspace", "create", name).returncode == 0
    token = server.token("read", name)
    listed = json.loads(server.cli("token", "list", *data_dir, "--workspace", name, "--json").stdout)["items"]
    assert [item["hint"] for item in listed] == [token[:7]]
    rotating = server.cli("token", "rotate", listed[0]["id"], *data_dir, "--workspace", name)
    assert rotating.returncode == 0, rotating.stderr
    rotated = rotating.stdout.strip()
    assert server.get("/api/v1/me", rotated)[0] == 200
    assert server.get("/api/v1/me", token)[0] == 200
    assert server.cli("token", "revoke", listed[0]["id"], *data_dir, "--workspace", name).returncode == 0
    wait_until(lambda: server.get("/api/v1/me", token)[0] == 401, within_s=2, what="refused")
    assert server.cli("workspace", "suspend", name).returncode == 0
    wait_until(lambda: server.get("/api/v1/me", rotated)[0] == 403, within_s=2, what="suspended")
    assert server.cli("workspace", "restore", name).returncode == 0
    wait_until(lambda: server.get("/api/v1/me", rotated)[0] == 200, within_s=2, what="restored")
    assert server.cli("workspace", "rename", name, "Other words").returncode == 0
    assert server.get("/api/v1/workspace", rotated)[1]["name"] == "Other words"
    assert server.cli("workspace", "delete", name, "--yes").returncode == 0
    wait_until(lambda: server.get("/api/v1/me", rotated)[0] == 401, within_s=2, what="deleted")
    for words in (("workspace", "create", name), ("workspace", "restore", name), ("sign-in-link", "--workspace", name)):
        assert server.cli(*words).returncode == 6, words
    states = {
        item["id"]: item["state"] for item in json.loads(server.cli("workspace", "list", "--json").stdout)["items"]
    }
    assert states[name] == "deleted"


def test_a_lost_password_is_set_by_who_holds_the_data_directory(
    server: Server, owner: Browser, new_browser: Callable[[], Browser]
) -> None:
    found = re.search(r"people-\w+@example.com", owner.client.get("/account").text)
    assert found is not None
    changed = server.cli("person", "set-password", found[0], stdin="another four unlikely words\n")
    assert changed.returncode == 0, changed.stderr
    wait_until(lambda: owner.client.get("/account").status_code == 303, within_s=2, what="sessions ended")
    browser = new_browser()
    assert browser.send("/sign-in/password", email=found[0], password=PASSWORD).status_code == 401
    signing_in = {"email": found[0], "password": "another four unlikely words"}
    assert browser.send("/sign-in/password", **signing_in).status_code == 303
    assert server.cli("person", "deactivate", found[0]).returncode == 0
    wait_until(lambda: browser.client.get("/account").status_code == 303, within_s=2, what="refused")
    assert server.cli("person", "deactivate", "nobody@example.com").returncode == 5
