"""`tidegate runbook check` over files."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.unit.egress.servers import saying, serving

from tidegate.app.runbook_commands import check
from tidegate.app.runbook_links import ask_elsewhere, look_at
from tidegate.egress import EgressClient, EgressLimits, parse_allowances
from tidegate.runbooks import Verdict

HEAD = "apiVersion: tidegate/v1\nkind: Rules\nmetadata: {name: mine}\n"
OWN = f"{HEAD}rules:\n- {{code: auth_failure_rate_high, threshold: 0.3}}\n"
SITE = "https://runbooks.example.com/"
FOREIGN = """
groups:
- name: a
  rules:
  - {record: x, expr: y}
  - alert: Known
    expr: up == 0
    annotations:
      runbook_url: https://runbooks.example.com/known
  - alert: Gone
    expr: outside_of_any(subset)
    annotations: {summary: x, runbook_url: https://runbooks.example.com/gone}
  - {alert: Silent, expr: up == 0}
"""


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    pages = tmp_path / "pages"
    pages.mkdir()
    (pages / "Known.md").write_text("# Known\n\n[more](more.md), [out](https://wiki.example.com/)\n")
    (pages / "more.md").write_text("# More\n\n[back](Known.md#known)\n")
    return pages


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(check, [str(one) for one in arguments])


def said(*arguments: str | Path) -> Any:
    return json.loads(run(*arguments, "--json").stdout)


def test_pages_whose_links_all_lead_somewhere_end_with_0(pages: Path) -> None:
    found = run(pages)
    words = "None of 3 links leads nowhere. 1 lead to other hosts, which were not asked.\n"
    assert (found.exit_code, found.output) == (0, words)


def test_a_dead_link_is_named_with_its_line_and_ends_with_1(pages: Path) -> None:
    (pages / "more.md").write_text("# More\n\nsee\n[gone](gone.md)\n")
    found = run(pages)
    assert found.exit_code == 1
    assert found.output.splitlines() == [
        f"{pages}/more.md:4: gone.md: there is no such file",
        "Error: 1 links lead nowhere.",
    ]


def test_runbooks_of_prometheus_rules_are_looked_up_among_the_pages(pages: Path, tmp_path: Path) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text(FOREIGN)
    found = said(file, "--pages", pages, "--site", SITE)
    assert (found["ruleCount"], found["linkCount"], found["elsewhereCount"], found["unknown"]) == (3, 2, 0, [])
    assert found["dead"] == [
        {"file": str(file), "line": 12, "rule": "Gone", "target": "https://runbooks.example.com/gone",
         "reason": f"{pages} has no such page"}
    ]  # fmt: skip
    wrapped = json.dumps({"kind": "PrometheusRule", "spec": {"groups": [{"name": "a", "rules": [
        {"alert": "Gone", "annotations": {"runbook_url": "wiki/gone"}}]}]}})  # fmt: skip
    file.write_text(wrapped)
    assert [one["target"] for one in said(file)["dead"]] == ["wiki/gone"]


def test_a_runbook_that_is_filled_in_later_is_unknown_and_ends_with_7(tmp_path: Path) -> None:
    file = tmp_path / "alerts.yaml"
    file.write_text(FOREIGN.replace("https://runbooks.example.com/gone", "'https://wiki/{{ $labels.job }}'"))
    assert run(file).exit_code == 7


def test_a_runbook_that_leads_nowhere_is_found_in_a_file_of_our_own(tmp_path: Path) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(OWN)
    assert run(file).exit_code == 0
    file.write_text(OWN.replace("threshold: 0.3", "threshold: 0.3, runbook: nowhere"))
    found = run(file)
    assert (found.exit_code, f"{file}:5: rules.0.runbook: 'nowhere' does not resolve" in found.output) == (1, True)


@pytest.mark.parametrize(
    "text",
    [OWN.replace("0.3", "3"), f"{HEAD}rules: x\n", "{", "a: [*b]", "\0"],
    ids=["bound", "shape", "yaml", "alias", "nul"],
)
def test_a_file_that_cannot_be_read_ends_with_2_and_never_with_0(tmp_path: Path, text: str) -> None:
    file = tmp_path / "rules.yaml"
    file.write_text(text)
    assert run(file).exit_code == 2


@pytest.mark.parametrize("arguments", [["--online"], ["--site", SITE], ["--site", "ftp://x", "."]])
def test_wrong_use_ends_with_2(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


@pytest.mark.parametrize(
    ("status", "verdict"),
    [
        ("200 OK", Verdict.ALIVE),
        ("404 Not Found", Verdict.DEAD),
        ("410 Gone", Verdict.DEAD),
        ("403 Forbidden", Verdict.UNKNOWN),
        ("500 Oops", Verdict.UNKNOWN),
        ("302 Found\r\nlocation: /", Verdict.UNKNOWN),
    ],
)
async def test_hosts_are_asked_once_and_only_a_missing_page_is_dead(pages: Path, status: str, verdict: str) -> None:
    answer = f"HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n".encode()
    async with serving(saying(answer)) as server:
        address = f"http://127.0.0.1:{server.port}/x"
        (pages / "more.md").write_text(f"[a]({address}) [b]({address}#c)\n")
        looked = look_at([pages / "more.md"], pages=None, site=None)
        await ask_elsewhere(looked, EgressClient(parse_allowances(f"127.0.0.1:{server.port}")))
        assert len(server.heads) == 1
    assert [one.where.verdict for one in looked.links] == [verdict] * 2


async def test_addresses_inside_are_not_called_and_stay_unknown(pages: Path) -> None:
    (pages / "more.md").write_text("[a](https://127.0.0.1/x) [b](http://169.254.169.254/)\n")
    looked = look_at([pages / "more.md"], pages=None, site=None)
    await ask_elsewhere(looked, EgressClient(limits=EgressLimits(total_s=1)))
    assert [one.where.verdict for one in looked.links] == [Verdict.UNKNOWN] * 2
    assert all("not called" in one.where.reason for one in looked.links)
