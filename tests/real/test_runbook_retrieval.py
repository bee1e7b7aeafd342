"""108 real runbooks, the links of 106 real alerts, and 26 links of others that lead nowhere: found exactly."""

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from tests.real.conftest import find_input

from tidegate.app.runbook_commands import check

pytestmark = pytest.mark.real

SITE = "https://runbooks.prometheus-operator.dev/runbooks/"
PAGES, ALERTS, DEAD_TARGETS = 108, 106, 26
LINKS_IN_PAGES, TO_OTHER_HOSTS = 98, 90


def lines_of(name: str) -> list[dict[str, str]]:
    text = find_input("runbook-retrieval", "prometheus-operator", name).read_text()
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pages as files, as their project keeps them."""
    folder = tmp_path_factory.mktemp("runbooks")
    for page in lines_of("corpus.jsonl"):
        path = folder / f"{page['id']}.md"
        path.parent.mkdir(exist_ok=True)
        path.write_text(page["text"])
    return folder


def checked(*arguments: str | Path) -> tuple[int, Any]:
    found = CliRunner().invoke(check, [*map(str, arguments), "--json"])
    return found.exit_code, json.loads(found.stdout)


def broken() -> list[str]:
    return list(json.loads(find_input("runbook-retrieval", "prometheus-operator", "broken_links.json").read_text()))


def test_the_links_of_real_alerts_that_lead_nowhere_are_found_exactly(pages: Path, tmp_path: Path) -> None:
    good = [{"alert": one["alert"], "expr": "up == 0", "annotations": {"runbook_url": one["runbook_url"]}}
            for one in lines_of("queries.jsonl")]  # fmt: skip
    bad = [{"alert": f"Dead{number}", "expr": "up == 0", "annotations": {"runbook_url": SITE + target}}
           for number, target in enumerate(broken())]  # fmt: skip
    file = tmp_path / "alerts.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": [*good, *bad]}]}))

    code, found = checked(file, "--pages", pages, "--site", SITE)

    assert (len(good), len(bad), found["ruleCount"]) == (ALERTS, DEAD_TARGETS, ALERTS + DEAD_TARGETS)
    assert (code, found["unknown"], found["elsewhereCount"]) == (1, [], 0)
    assert [one["target"] for one in found["dead"]] == [SITE + target for target in broken()]
    file.write_text(yaml.safe_dump({"groups": [{"name": "all", "rules": good}]}))
    assert checked(file, "--pages", pages, "--site", SITE) == (0, {**found, "ruleCount": ALERTS, "linkCount": ALERTS,
                                                                   "dead": []})  # fmt: skip


def test_every_real_alert_names_the_page_that_it_is_judged_to_need(pages: Path) -> None:
    text = find_input("runbook-retrieval", "prometheus-operator", "qrels.tsv").read_text()
    judged = [line.split("\t") for line in text.splitlines()[1:]]
    named = {one["id"]: one["runbook_url"].removeprefix(SITE) for one in lines_of("queries.jsonl")}
    assert {query: page.lower() for query, page, _ in judged} == named
    assert all((pages / f"{page}.md").is_file() for _, page, _ in judged)


def test_no_link_within_the_real_pages_is_dead_until_its_page_goes(pages: Path) -> None:
    code, found = checked(pages)
    assert (code, found["dead"], found["unknown"]) == (0, [], [])
    assert (found["pageCount"], found["linkCount"], found["elsewhereCount"]) == (PAGES, LINKS_IN_PAGES, TO_OTHER_HOSTS)

    gone = pages / "node" / "NodeClockSkewDetected.md"
    text = gone.read_text()
    gone.unlink()
    code, found = checked(pages)
    gone.write_text(text)
    assert (code, [(Path(one["file"]).stem, one["target"]) for one in found["dead"]]) == (
        1,
        [("NodeClockNotSynchronising", "./NodeClockSkewDetected.md")],
    )
