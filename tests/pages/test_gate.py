"""The page of a gate: why is it so, and what would make it go?"""

import pytest
from tests.pages.conftest import Site
from tests.pages.gate_worlds import COMMIT, make_gate, make_release
from tests.pages.worlds import HARBOR

from tidegate.gates import CheckOutcome

PATH = "/gates/tenant-isolation"


@pytest.fixture(autouse=True)
def gate(site: Site) -> None:
    site.releases.candidates[HARBOR] = make_release()
    site.gates.found[HARBOR] = [
        make_gate("tenant-isolation", CheckOutcome.PASSED, CheckOutcome.FAILED, CheckOutcome.MISSING)
    ]


async def test_the_verdict_is_a_sentence_with_its_times(site: Site) -> None:
    page = await site.open(PATH)
    assert page.one("h1").text == "Tenant isolation gate"
    assert page.one("div", id="gate").attributes["data-verdict"] == "NO-GO"
    assert page.one("p", class_="why").text == "Regression 2: 3 of 412 cases failed (allowed 0). (1 more below)"
    assert "Decided 3 min ago" in page.main.text
    assert "Measured 2 s ago" in page.main.text


async def test_to_reach_go_is_a_list_with_owner_and_command(site: Site) -> None:
    page = await site.open(PATH)
    steps = page.one("ol", class_="steps").text
    assert steps.index("Fix 3 cases") < steps.index("Run the suite")
    assert f"tidegate ci report --suite authz --commit {COMMIT} FILE" in steps
    assert steps.count("backend") == 2


async def test_checks_stand_worst_first_with_value_bound_freshness_and_runbook(site: Site) -> None:
    page = await site.open(PATH)
    rows = [row for row in page.all("tr") if row.attributes.get("id", "").startswith("check-")]
    assert [row.attributes["data-verdict"] for row in rows] == ["FAILED", "NO DATA", "PASSED"]
    assert "3 of 412 failed" in rows[0].text
    assert "bound: 0 failed at the commit, not older than 24h" in rows[0].text
    assert "fresh until in 20 h" in rows[0].text
    assert "/runbooks/auth_failure_rate_high" in page.links


async def test_without_a_release_every_check_says_that_it_was_not_measured(site: Site) -> None:
    site.releases.candidates.clear()
    page = await site.open(PATH)
    assert page.one("div", id="gate").attributes["data-verdict"] == "HOLD"
    rows = [row for row in page.all("tr") if row.attributes.get("id", "").startswith("check-")]
    assert {row.attributes["data-verdict"] for row in rows} == {"NO DATA"}
    assert "Not measured: there is no release" in rows[0].text


async def test_decisions_are_paged_and_only_the_newest_page_is_live(site: Site) -> None:
    page = await site.open(PATH)
    assert "dec_00019" in {row.attributes.get("id") for row in page.all("tr")}
    assert f"{PATH}?cursor=20" in page.links
    assert "data-live" in page.main.attributes
    older = await site.open(f"{PATH}?cursor=20")
    assert "dec_00020" in {row.attributes.get("id") for row in older.all("tr")}
    assert "data-live" not in older.main.attributes


async def test_the_definition_is_on_the_page_as_a_gate_file(site: Site) -> None:
    page = await site.open(PATH)
    text = "".join(page.one("pre", aria_label="Gate file").texts)
    assert text.startswith("apiVersion: tidegate/v1\nkind: Gate\nid: tenant-isolation\n")
    assert "maxAge: 1d" in text


async def test_the_page_says_how_to_ask_the_same_elsewhere(site: Site) -> None:
    page = await site.open(PATH)
    assert "tidegate gate why tenant-isolation" in page.main.text
    assert "http://tidegate.test/release/dashboard?gate=tenant-isolation" in page.main.text


@pytest.mark.parametrize(
    ("uri", "is_link"),
    [
        pytest.param("/release/authz-regression/runs/8812", True, id="a path of this server"),
        pytest.param("https://ci.example.com/runs/8812", True, id="the web"),
        pytest.param("javascript:alert(1)", False, id="a script"),
        pytest.param("JaVaScRiPt:alert(1)", False, id="a script in other letters"),
        pytest.param("java\tscript:alert(1)", False, id="a script with a tab"),
        pytest.param("data:text/html,<script>alert(1)</script>", False, id="data"),
        pytest.param("//evil.test/", False, id="another server without scheme"),
        pytest.param("/\\evil.test/", False, id="another server by backslash"),
        pytest.param("https:evil", False, id="no host"),
        pytest.param("http://[", False, id="not an address"),
    ],
)
async def test_evidence_is_a_link_only_where_it_is_safe(site: Site, uri: str, *, is_link: bool) -> None:
    site.gates.found[HARBOR] = [make_gate("tenant-isolation", CheckOutcome.FAILED, evidence_uri=uri)]
    page = await site.open(PATH)
    assert (uri in page.links) is is_link
    assert "run-8812" in page.main.text


async def test_an_unknown_gate_is_not_found_and_says_what_to_do(site: Site) -> None:
    page = await site.open("/gates/none", status=404)
    assert "tidegate gate list" in page.main.text
    assert "gate_not_found" in page.main.text
