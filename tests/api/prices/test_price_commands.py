"""The verbs of `tidegate price`, as processes against a served application."""

import json
from pathlib import Path

from tests.api.prices.conftest import Shell
from tests.api.prices.test_price_routes import FILE


async def test_prices_are_checked_applied_shown_and_applied_again(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(FILE)
    checked = await shell.run("price", "check", file)
    assert checked.code == 0, checked.err
    assert "2 prices" in checked.out
    applied = await shell.run("price", "apply", file)
    assert applied.out.startswith("Version 1 counts: 2 prices")
    assert "tidegate price reprice" in applied.err
    shown = await shell.run("price", "show")
    assert shown.out.splitlines()[1].split("\t")[:4] == ["acme", "acme-1", "0.5", "1.5"]
    again = tmp_path / "again.json"
    again.write_text((await shell.run("price", "show", "--file")).out)
    assert (await shell.run("price", "apply", again)).out == "These prices count already, as version 1.\n"


async def test_a_wrong_file_ends_with_2_and_names_the_field(shell: Shell, tmp_path: Path) -> None:
    file = tmp_path / "prices.yaml"
    file.write_text(FILE.replace("output: 8", "output: -8"))
    for verb in ("check", "apply"):
        ended = await shell.run("price", verb, file)
        assert ended.code == 2
        assert "[prices.0.output]" in ended.err


async def test_a_price_is_explained_and_listed(shell: Shell) -> None:
    explained = await shell.run("price", "explain", "openai", "gpt-4o", "--input", "1000", "--output", "500")
    assert explained.out.startswith("$0.0075  The price of openai gpt-4o, of the bundled list.")
    unpriced = await shell.run("price", "explain", "acme", "gpt-99")
    assert unpriced.out.startswith("unpriced  No price list names")
    listed = await shell.run("price", "list", "--provider", "openai", "--model", "gpt-4o", "--json")
    assert {"provider", "model", "rates", "source"} <= json.loads(listed.out)["items"][0].keys()
