"""The verbs of `tidegate evidence`, over the doors."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from tests.api.evidence.conftest import COMMIT, Doors
from tests.api.evidence.test_signatures import attested

from tidegate.app.cli import cli
from tidegate.attestations import new_private_key
from tidegate.kernel import digest_of

Run = Callable[..., Any]
ADD = ("evidence", "add", "--kind", "adr", "--title", "A decision", "--owner", "sre", "--commit", COMMIT)


@pytest.fixture
async def run(doors: Doors, monkeypatch: pytest.MonkeyPatch) -> Run:
    loop = asyncio.get_running_loop()

    def request(method: str, url: str, **said: Any) -> httpx.Response:
        headers = {**said.pop("headers"), "authorization": doors.api.headers["authorization"]}
        said.pop("timeout")
        path = url.partition("//")[2].partition("/")[2]
        calling = doors.api.request(method, f"/{path}", headers=headers, **said)
        return asyncio.run_coroutine_threadsafe(calling, loop).result(60)

    monkeypatch.setattr(httpx, "request", request)

    async def invoke(*words: str, given: bytes = b"") -> Result:
        arguments = ["--url", "http://tidegate.test", *words]
        return await asyncio.to_thread(CliRunner().invoke, cli, arguments, input=given)

    return invoke


async def test_a_file_is_added_shown_checked_listed_and_taken_back(run: Run, tmp_path: Path) -> None:
    added = await run(*ADD, "--json", "-", given=b"We decided.")
    assert added.exit_code == 0, added.output
    found = json.loads(added.stdout)
    assert (found["digest"], found["counts"]) == (digest_of(b"We decided."), True)
    evidence_id = found["id"]
    again = await run(*ADD, "-", given=b"We decided.")
    assert evidence_id in again.stdout
    output = tmp_path / "copy"
    shown = await run("evidence", "show", evidence_id, "--output", str(output))
    assert (shown.exit_code, output.read_bytes()) == (0, b"We decided.")
    assert "Nobody but those who made it" in shown.stdout
    assert (await run("evidence", "verify", evidence_id)).exit_code == 0
    assert evidence_id in (await run("evidence", "list", "--kind", "adr")).stdout
    where = await run("evidence", "review", evidence_id)
    assert f"http://tidegate.test/evidence/{evidence_id}" in where.stdout
    gone = await run("evidence", "withdraw", evidence_id, "--reason", "wrong one")
    assert (gone.exit_code, "Withdrew" in gone.stdout) == (0, True)
    assert (await run("evidence", "verify", evidence_id)).exit_code == 8
    assert (await run("evidence", "withdraw", evidence_id, "--reason", "again")).exit_code == 6
    assert (await run("evidence", "show", "evd_none")).exit_code == 5


@pytest.mark.parametrize(
    ("words", "given", "message"),
    [
        pytest.param([*ADD], b"", "either FILE or --uri", id="nothing"),
        pytest.param([*ADD, "--uri", "https://a.example/", "-"], b"x", "either FILE or --uri", id="both"),
        pytest.param([*ADD[:-2], "-"], b"x", "--release, --commit", id="about nothing"),
        pytest.param([*ADD, "-"], b"x" * (1024 * 1024 + 1), "--uri and --digest", id="too large"),
        pytest.param([*ADD, "--digest", "sha256:0", "-"], b"x", "not the one of --digest", id="another digest"),
        pytest.param([*ADD, "--kind", "horoscope", "-"], b"x", "no kind of evidence", id="an unknown kind"),
    ],
)
async def test_wrong_use_is_named(run: Run, words: list[str], given: bytes, message: str) -> None:
    found = await run(*words, given=given)
    assert found.exit_code == 2
    assert message in found.output


async def test_what_is_no_text_goes_as_it_is(run: Run, doors: Doors) -> None:
    content = bytes(range(256))
    found = json.loads((await run(*ADD, "--json", "-", given=content)).stdout)
    assert (await doors.api.get(f"/api/v1/evidence/{found['id']}/body")).content == content


async def test_a_signed_file_is_verified_offline_with_the_keys_that_are_given(run: Run, tmp_path: Path) -> None:
    key, other = new_private_key(), new_private_key()
    file, public, stranger = tmp_path / "ci.intoto.json", tmp_path / "key.pem", tmp_path / "other.pem"
    file.write_text(attested(key))
    public.write_text(key.public.pem)
    stranger.write_text(other.public.pem)
    good = await run("evidence", "verify", str(file), "--key", str(public), "--json")
    assert (good.exit_code, json.loads(good.stdout)["keys"]) == (0, [key.public.fingerprint])
    assert (await run("evidence", "verify", str(file), "--key", str(stranger))).exit_code == 3
    both = ("--key", str(public), "--key", str(public), "--threshold", "2")
    assert (await run("evidence", "verify", str(file), *both)).exit_code == 3
    assert (await run("evidence", "verify", str(file))).exit_code == 2
    assert (await run("evidence", "verify", str(tmp_path / "none"), "--key", str(public))).exit_code == 2
    file.write_text("{}")
    assert (await run("evidence", "verify", str(file), "--key", str(public))).exit_code == 2


async def test_keys_are_added_listed_and_removed(run: Run, tmp_path: Path) -> None:
    public = tmp_path / "key.pem"
    public.write_text(new_private_key().public.pem)
    assert "No key is known" in (await run("evidence", "key", "list")).stderr
    assert (await run("evidence", "key", "add", "ci", str(public))).exit_code == 0
    assert "ed25519" in (await run("evidence", "key", "list")).stdout
    assert (await run("evidence", "key", "remove", "ci")).exit_code == 0
    assert (await run("evidence", "key", "remove", "ci")).exit_code == 5


async def test_a_link_is_added_and_fetched_again(run: Run, doors: Doors) -> None:
    added = await run(*ADD, "--uri", f"{doors.receiver.url}/x", "--json")
    found = json.loads(added.stdout)
    assert found["state"] == "pending"
    again = await run("evidence", "fetch", found["id"])
    assert (again.exit_code, "evidence show" in again.stdout) == (0, True)
