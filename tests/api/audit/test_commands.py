"""The verbs of `tidegate audit`."""

import json
from pathlib import Path

import pytest
from tests.api.audit.conftest import HARBOR, Shell, World
from tests.unit.audit.fakes import KEY, OTHER_KEY, make_deed, make_export

NOWHERE = Shell("http://127.0.0.1:9", "")


def files_in(folder: Path) -> list[str]:
    return sorted(each.name for each in folder.iterdir())


async def test_what_was_done_is_listed_exported_and_proved(world: World, shell: Shell, tmp_path: Path) -> None:
    for number in range(3):
        await world.trail.record(HARBOR, make_deed(number))
    listed = await shell.run("audit", "list", "--action", "tokens:", "--kind", "person", "--limit", "2")
    assert listed.code == 0, listed.err
    assert [line.split("\t")[0] for line in listed.out.splitlines()] == ["3", "2"]
    assert "There are more: --cursor" in listed.err
    head, file = tmp_path / "head.json", tmp_path / "audit.ndjson"
    head.write_text((await shell.run("audit", "head")).out)
    exported = await shell.run("audit", "export", "--out", file)
    assert exported.code == 0, exported.err
    assert files_in(tmp_path) == ["audit.ndjson", "head.json"]
    proved = await NOWHERE.run("audit", "verify", file, "--key", KEY.public_text, "--head", head)
    assert (proved.code, proved.out[:50]) == (0, "HOLDS  Workspace harbor: 4 records without a gap u")
    printed = await shell.run("audit", "export")
    assert printed.out.count("\n") == 1 + 5 + 3 + 1


async def test_a_file_that_was_changed_ends_with_1_and_names_the_record(tmp_path: Path) -> None:
    file, key = tmp_path / "audit.ndjson", tmp_path / "audit.pub"
    lines = await make_export()
    file.write_bytes(b"".join([*lines[:5], lines[5].replace(b"tok_5", b"tok_6"), *lines[6:]]))
    key.write_text(f"{KEY.public_text}\n")
    ended = await NOWHERE.run("audit", "verify", file, "--key", key)
    assert (ended.code, ended.out.split("[")[1]) == (1, "record_changed] (line 6)\n")
    as_json = await NOWHERE.run("audit", "verify", file, "--key", key, "--json")
    found = json.loads(as_json.out)
    assert (as_json.code, found["holds"], found["seq"], found["flaw"]) == (1, False, 5, "record_changed")


async def test_a_chain_made_anew_parts_from_the_kept_head(tmp_path: Path) -> None:
    file, older = tmp_path / "audit.ndjson", tmp_path / "older.ndjson"
    older.write_bytes(b"".join(await make_export(count=12)))
    file.write_bytes(b"".join(await make_export(changed=3)))
    assert (await NOWHERE.run("audit", "verify", file, "--key", KEY.public_text)).code == 0
    ended = await NOWHERE.run("audit", "verify", file, "--key", KEY.public_text, "--head", older)
    assert (ended.code, "[fork]" in ended.out) == (1, True)


async def test_another_key_ends_with_1_and_no_key_with_2(tmp_path: Path) -> None:
    file = tmp_path / "audit.ndjson"
    file.write_bytes(b"".join(await make_export(count=2)))
    other = await NOWHERE.run("audit", "verify", file, "--key", OTHER_KEY.public_text)
    assert (other.code, "[wrong_key]" in other.out) == (1, True)
    for words in (("--key", "nonsense"), (), ("--key", KEY.public_text, "--head", __file__)):
        assert (await NOWHERE.run("audit", "verify", file, *words)).code == 2


async def test_an_export_that_breaks_off_leaves_no_file(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "audit.ndjson"
    refused = await Shell(shell.url, "read:harbor").run("audit", "export", "--out", file)
    away = await NOWHERE.run("audit", "export", "--out", file)
    assert (refused.code, away.code, files_in(tmp_path)) == (4, 7, [])


@pytest.mark.parametrize("words", [("--since", "yesterday"), ("--until", "2026-11-20"), ("--kind", "god")])
async def test_wrong_use_ends_with_2(words: tuple[str, ...]) -> None:
    assert (await NOWHERE.run("audit", "list", *words)).code == 2


async def test_the_public_key_is_printed_without_a_server_and_stays_the_same(tmp_path: Path) -> None:
    first = await NOWHERE.run("audit", "key", "--data-dir", tmp_path)
    again = await NOWHERE.run("audit", "key", "--data-dir", tmp_path)
    assert (first.code, first.out[:8], len(first.out)) == (0, "ed25519:", 8 + 64 + 1)
    assert again.out == first.out
    secret = tmp_path / "secrets" / "audit.key"
    assert (secret.stat().st_mode & 0o777, len(secret.read_bytes())) == (0o600, 32)
