"""`tidegate run`, `trace` and `tenant erase` against the application on a loopback port."""

import json
from itertools import islice

import pytest
from tests.api.looking.conftest import Api
from tests.telemetry_rows import TRACE, span_id

from tidegate.signals.ai_runs.commands import new_runs

RUN = f"{TRACE}/{span_id(1)}"
DECEPTIVE = ["\x1b", "\u202e", "\u2028", "\x9b"]


@pytest.mark.parametrize(
    "words",
    [
        ("run", "list"),
        ("run", "list", "--json"),
        ("run", "show", RUN, "--content"),
        ("run", "show", RUN, "--json"),
        ("trace", "list"),
        ("trace", "list", "--json"),
        ("trace", "show", TRACE),
        ("trace", "show", TRACE, "--json"),
        ("trace", "show", TRACE, "--span", span_id(2)),
        ("trace", "show", TRACE, "--span", span_id(2), "--json"),
    ],
)
async def test_text_from_outside_never_moves_a_terminal(api: Api, words: tuple[str, ...]) -> None:
    result = await api.run(*words)
    assert result.code == 0, result.output
    assert not [character for character in DECEPTIVE if character in result.output]
    if "--json" in words:
        json.loads(result.out)


async def test_a_list_of_runs_is_tab_separated_in_a_pipe(api: Api) -> None:
    line = (await api.run("run", "list", "--outcome", "failed")).out.strip().split("\t")
    assert line[1:5] == ["failed", RUN, "gpt-4o-mini", "acme"]
    assert line[6] == "0.0125"
    assert (await api.run("run", "list", "--unpriced")).out == ""


async def test_a_run_is_shown_with_its_cause_and_content_only_when_asked(api: Api) -> None:
    shown = await api.run("run", "show", RUN)
    assert shown.out.startswith("FAILED  timeout")
    assert "tool.call.arguments" not in shown.out
    assert "1 parts of stored content are hidden" in shown.err
    assert "gen_ai.tool.call.arguments" in (await api.run("run", "show", TRACE, span_id(1), "--content")).out


async def test_a_trace_is_shown_as_a_tree(api: Api) -> None:
    lines = (await api.run("trace", "show", TRACE)).out.splitlines()
    assert lines[0].startswith("3 spans, 2 failed, 900.000 ms")
    assert f"{span_id(2)}    step 2 [harbor-api] search  timeout" in lines[2]


@pytest.mark.parametrize(
    ("words", "exit_code"),
    [
        (("run", "show", "nonsense"), 2),
        (("run", "show", f"{'0' * 32}/{'0' * 16}"), 5),
        (("trace", "show", "../../etc"), 2),
        (("trace", "show", "0" * 32), 5),
        (("trace", "list", "--from", "yesterday"), 2),
        (("trace", "erase", TRACE, "--yes"), 2),
        (("trace", "erase", TRACE, "--reason", "r"), 2),
        (("trace", "erase", "0" * 32, "--reason", "r", "--yes"), 5),
        (("tenant", "erase", "nobody", "--reason", "r", "--yes"), 5),
    ],
)
async def test_exit_codes_say_what_went_wrong(api: Api, words: tuple[str, ...], exit_code: int) -> None:
    result = await api.run(*words)
    assert result.code == exit_code, result.output


async def test_a_reader_may_look_and_not_erase(api: Api) -> None:
    api.scope = "read"
    assert (await api.run("trace", "show", TRACE)).code == 0
    assert (await api.run("trace", "erase", TRACE, "--reason", "r", "--yes")).code == 4


async def test_a_dry_run_only_counts(api: Api) -> None:
    result = await api.run("tenant", "erase", "acme", "--dry-run")
    assert result.out == "2 spans, 1 log records, 0 metric points, 1 AI runs\n"
    assert (await api.run("trace", "show", TRACE)).code == 0


async def test_a_trace_is_erased_and_the_verb_waits_for_it(api: Api) -> None:
    result = await api.run("trace", "erase", TRACE, "--reason", "asked for", "--yes")
    assert result.code == 0, result.output
    assert result.out.startswith("Erased: 3 spans, 1 log records")
    assert (await api.run("trace", "show", TRACE)).code == 5


async def test_a_tenant_is_erased_as_json(api: Api) -> None:
    result = await api.run("tenant", "erase", "acme", "--reason", "asked for", "--yes", "--json")
    assert json.loads(result.out)["state"] == "held"
    assert (await api.run("run", "list")).out == ""


def test_tail_prints_each_run_once_the_oldest_first() -> None:
    answers = iter([["a"], ["b", "a"], ["d", "c", "b", "a"]])

    def get(_: object) -> object:
        return {"items": [{"traceId": name, "spanId": "s"} for name in next(answers)], "nextCursor": None}

    found = islice(new_runs(get, {}, pause=lambda _: None), 4)
    assert [item["traceId"] for item in found] == ["a", "b", "c", "d"]
