"""Each page holds what somebody needs at night, and names only what exists."""

import re

import pytest

from tidegate.alerts.rules import BUILT_IN_RULES, override_names
from tidegate.runbooks import Runbook, RunbookNotFoundError, find_runbook, get_runbook, list_runbooks
from tidegate.signals.explore.catalogue import ALIASES
from tidegate.slos import BurnCode

SECTIONS = ["What it means", "First three looks", "Stop the bleeding", "Roll back", "Who to tell"]
ROUTES = {f"/{what}/{name}" for what in ("alerts", "metrics") for name in ALIASES}
VERBS = {
    "tidegate alert list",
    "tidegate alert show",
    "tidegate gate overrides",
    "tidegate gate why",
    "tidegate signal query",
    "tidegate signal show",
    "tidegate slo burn",
    "tidegate slo show",
    "tidegate tenant list",
}
PAGES = list_runbooks()

OF_NO_RULE = "outside_alert"  # what others fire has its rule there
OF_PEOPLE = "release_gate_overridden"  # two people open and end it
OF_OBJECTIVES = {
    "core_error_budget_burn": "P1 or P2", "objective_burn_fast": "P1", "objective_burn_slow": "P2"
}  # fmt: skip

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.slug)


def test_each_rule_has_a_page_and_each_page_a_rule() -> None:
    of_rules = [rule.runbook for rule in BUILT_IN_RULES]
    assert [page.slug for page in PAGES] == sorted([*of_rules, *OF_OBJECTIVES, OF_NO_RULE, OF_PEOPLE])


@each_page
def test_a_page_has_all_its_sections_in_order(page: Runbook) -> None:
    assert re.findall(r"^## (.+)$", page.markdown, re.MULTILINE) == SECTIONS


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.slug not in {OF_NO_RULE, OF_PEOPLE, *OF_OBJECTIVES}],
    ids=lambda page: page.slug,
)
def test_a_page_opens_with_its_rule_and_severity(page: Runbook) -> None:
    (rule,) = [rule for rule in BUILT_IN_RULES if rule.runbook == page.slug]

    assert page.markdown.splitlines()[:3] == [
        f"# {page.title}",
        "",
        page.markdown.splitlines()[2],
    ]
    assert page.markdown.splitlines()[2].startswith(f"`{rule.code}` · {rule.severity} · ")


@pytest.mark.parametrize("code", BurnCode)
def test_each_burn_of_an_objective_has_a_page_that_opens_with_its_severity(code: BurnCode) -> None:
    page = get_runbook(code.value)
    assert page.markdown.splitlines()[2].startswith(f"`{code}` · {OF_OBJECTIVES[code]} · ")


@each_page
def test_there_are_three_looks_and_at_least_three_ways_to_stop_it(page: Runbook) -> None:
    looks, bleeding = (_section(page, name) for name in ("First three looks", "Stop the bleeding"))

    assert len(re.findall(r"^\d\. ", looks, re.MULTILINE)) == 3
    assert len(re.findall(r"^- ", bleeding, re.MULTILINE)) >= 3


@each_page
def test_a_page_names_only_routes_verbs_overrides_and_pages_that_exist(page: Runbook) -> None:
    routes = set(re.findall(r"\$TIDEGATE_URL(/[a-z/_]+)", page.markdown))
    verbs = set(re.findall(r"tidegate [a-z]+ [a-z]+", page.markdown))
    parameters = set(re.findall(r"[?&]([A-Za-z0-9]+)=", page.markdown))
    links = set(re.findall(r"`/runbooks/([a-z_]+)`", page.markdown))

    assert routes
    assert verbs
    assert routes <= ROUTES
    assert verbs <= VERBS
    assert parameters <= {*override_names(BUILT_IN_RULES), "workspaceId"}
    assert links <= {page.slug for page in PAGES}


def test_no_two_pages_give_the_same_advice() -> None:
    lines = [line for page in PAGES for line in page.markdown.splitlines() if line.startswith(("- ", "1. ", "2. "))]
    advice = [line for line in lines if len(line) > 40]

    assert len(advice) == len(set(advice))


def test_an_unknown_page_is_not_found() -> None:
    assert find_runbook("../model") is None
    with pytest.raises(RunbookNotFoundError, match="no runbook 'nothing'"):
        get_runbook("nothing")


def _section(page: Runbook, name: str) -> str:
    return page.markdown.partition(f"## {name}\n")[2].partition("\n## ")[0]
