"""The launch board: may this release go out, and if not, who has to do what?"""

from datetime import timedelta

import pytest
from tests.pages.conftest import Site
from tests.pages.gate_worlds import COMMIT, make_gate, make_release
from tests.pages.worlds import HARBOR, NOW, make_alert

from tidegate.alerts import AlertState, Severity
from tidegate.gates import CheckOutcome

PASSED, FAILED, MISSING, STALE = (
    CheckOutcome.PASSED,
    CheckOutcome.FAILED,
    CheckOutcome.MISSING,
    CheckOutcome.STALE,
)


@pytest.fixture(autouse=True)
def candidate(site: Site) -> None:
    site.releases.candidates[HARBOR] = make_release()


@pytest.mark.parametrize(
    ("gates", "verdict", "sentence"),
    [
        pytest.param(
            [make_gate("a", PASSED), make_gate("b", PASSED)],
            "GO",
            "Release 2026.02.1 may go out: 2 of 2 gates say GO.",
            id="all gates say go",
        ),
        pytest.param(
            [make_gate("a", PASSED), make_gate("b", PASSED, STALE)],
            "HOLD",
            "Release 2026.02.1 has to wait: 1 of 2 gates holds.",
            id="old news holds",
        ),
        pytest.param(
            [make_gate("a", MISSING), make_gate("b", FAILED), make_gate("c", PASSED)],
            "NO-GO",
            "Release 2026.02.1 may not go out: 1 of 3 gates says NO-GO, 1 holds.",
            id="a failure speaks for all",
        ),
        pytest.param(
            [make_gate("a")],
            "HOLD",
            "Release 2026.02.1 has to wait: 1 of 1 gate holds.",
            id="a gate without checks holds",
        ),
        pytest.param(
            [],
            "HOLD",
            "Release 2026.02.1 has to wait: there is no gate that could say GO.",
            id="no gate is no go",
        ),
    ],
)
async def test_the_worst_gate_speaks_for_the_release(site: Site, gates: list, verdict: str, sentence: str) -> None:
    site.gates.found[HARBOR] = gates
    page = await site.open("/")
    assert page.one("div", id="launch").attributes["data-verdict"] == verdict
    assert page.one("h1").text == sentence


async def test_without_a_release_even_passing_gates_hold(site: Site) -> None:
    site.releases.candidates.clear()
    site.gates.found[HARBOR] = [make_gate("a", PASSED)]
    page = await site.open("/")
    assert page.one("div", id="launch").attributes["data-verdict"] == "HOLD"
    assert page.one("h1").text == "There is no release to decide on, so nothing may go out."
    assert "tidegate release create" in page.main.text
    assert page.one("tr", id="gate-a").attributes["data-verdict"] == "HOLD"


async def test_the_reason_has_number_bound_time_and_link(site: Site) -> None:
    site.gates.found[HARBOR] = [make_gate("tenant-isolation", FAILED)]
    page = await site.open("/")
    why = page.one("p", class_="why")
    assert why.text == ("Tenant isolation gate: Regression 1: 3 of 412 cases failed (allowed 0). Measured 2 s ago.")
    assert "/gates/tenant-isolation" in page.links
    moment = page.all("time")[0]
    assert moment.attributes["datetime"] == "2026-02-07T14:02:09Z"
    assert moment.attributes["title"] == "2026-02-07 14:02:09 UTC"


async def test_gates_are_listed_worst_first_with_their_checks_and_owner(site: Site) -> None:
    site.gates.found[HARBOR] = [make_gate("a", PASSED), make_gate("b", PASSED, MISSING), make_gate("c", FAILED)]
    page = await site.open("/")
    rows = [row for row in page.all("tr") if row.attributes.get("id", "").startswith("gate-")]
    assert [row.attributes["id"] for row in rows] == ["gate-c", "gate-b", "gate-a"]
    assert "1 of 2" in rows[1].text
    assert "security" in rows[1].text
    assert [strip.attributes["aria-label"] for strip in page.all("svg", class_="strip")] == [
        "1 failed",
        "1 no data, 1 passed",
        "1 passed",
    ]


async def test_what_to_do_names_owner_and_command(site: Site) -> None:
    site.gates.found[HARBOR] = [make_gate("a", MISSING), make_gate("b", FAILED)]
    page = await site.open("/")
    steps = page.one("ol", class_="steps")
    assert steps.text.index("Fix 3 cases") < steps.text.index("Run the suite")
    assert "backend" in steps.text
    assert page.one("pre", class_="about").text == f"tidegate ci report --suite authz --commit {COMMIT} FILE"


async def test_nothing_is_left_to_do_when_all_gates_say_go(site: Site) -> None:
    site.gates.found[HARBOR] = [make_gate("a", PASSED)]
    page = await site.open("/")
    assert "To reach GO" not in page.main.text
    assert not page.all("ol")


async def test_the_release_is_shown_with_version_and_commit(site: Site) -> None:
    page = await site.open("/")
    assert "harbor-api 1.8.2 9f8e7d6c5b4a" in page.main.text


async def test_first_use_gives_the_one_command_for_each_missing_thing(site: Site) -> None:
    site.releases.candidates.clear()
    site.telemetry.last.clear()
    site.alerts.evaluated_at = None
    page = await site.open("/")
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://tidegate.test" in page.main.text
    assert "tidegate token create --scope ingest" in page.main.text
    assert "tidegate release create" in page.main.text
    assert "Last telemetry never" in page.main.text
    assert "The rules were never evaluated: what burns now is not known." in page.main.text


async def test_an_empty_list_of_alerts_says_how_it_knows(site: Site) -> None:
    page = await site.open("/")
    assert "No alert is open. 6 rules evaluated 1 s ago." in page.main.text


async def test_an_empty_list_of_alerts_says_nothing_when_nobody_watched(site: Site) -> None:
    site.alerts.evaluated_at = NOW - timedelta(minutes=5)
    page = await site.open("/")
    assert "No alert is open" not in page.main.text
    assert "last evaluated 5 min ago (limit 10s): what burns now is not known" in page.main.text
    assert "Alerts firing not known now" in page.main.text


async def test_open_alerts_are_counted_and_the_worst_shown(site: Site) -> None:
    site.alerts.alerts[HARBOR] = [
        make_alert(1, severity=Severity.P2),
        make_alert(2, severity=Severity.P1, age=timedelta(minutes=1)),
        make_alert(3, state=AlertState.PENDING, severity=Severity.P2),
        make_alert(4, state=AlertState.RESOLVED),
        *[make_alert(number, severity=Severity.P2) for number in range(5, 9)],
    ]
    page = await site.open("/")
    shown = [item.attributes["id"] for item in page.all("li") if item.attributes.get("id", "").startswith("alr_")]
    assert shown[0] == "alr_00002"
    assert len(shown) == 5
    assert "2 more" in page.main.text
    assert "Alerts firing 6" in page.main.text


async def test_what_cannot_be_read_says_so_in_its_place_and_the_rest_works(site: Site) -> None:
    site.gates.found[HARBOR] = [make_gate("a", PASSED)]
    site.alerts.is_away = site.telemetry.is_away = True
    page = await site.open("/")
    assert "Alerts cannot be read now" in page.main.text
    assert "Last telemetry not known now" in page.main.text
    assert "No telemetry has arrived" not in page.main.text
    assert page.one("tr", id="gate-a").attributes["data-verdict"] == "GO"


async def test_when_gates_cannot_be_read_there_is_no_board_but_a_reason(site: Site) -> None:
    site.gates.is_away = True
    answer = await site.browser.get("/")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "2")
    page = await site.open("/", status=503)
    assert page.one("h1").text == "Unavailable"
    assert "PostgreSQL does not answer. tidegate doctor says why." in page.main.text
    assert "unavailable" in page.main.text
    assert "data-verdict" not in answer.text


async def test_the_board_asks_again_for_its_contents_only(site: Site) -> None:
    page = await site.open("/?release=x")
    main = page.main.attributes
    assert (main["data-hx-get"], main["data-hx-swap"], main["data-hx-trigger"]) == (
        "/?release=x",
        "innerMorph",
        "tg:refresh",
    )
    contents = (await site.browser.get("/", headers={"hx-request-type": "partial"})).text
    assert contents.startswith("<title>HOLD 2026.02.1 · Launch · tidegate</title>")
    assert "<html" not in contents
    assert "<main" not in contents


async def test_the_board_says_how_to_ask_the_same_elsewhere(site: Site) -> None:
    page = await site.open("/")
    assert "tidegate gate list" in page.main.text
    assert "http://tidegate.test/api/v1/board" in page.main.text
