"""Pages of traces and runs: what they say in each state, and that text from outside stays text."""

import pytest
from tests.pages.conftest import Site
from tests.pages.test_assets import sent_bytes
from tests.pages.trace_worlds import agent_details, make_detail, make_line, make_log, make_run
from tests.pages.worlds import HARBOR
from tests.telemetry_rows import TRACE, span_id

from tidegate.edge.static import packaged_assets
from tidegate.telemetry.traces import SpanEvent

TRACE_PAGE = f"/traces/{TRACE}"
RUN_PAGE = f"/ai-runs/{TRACE}/{span_id(1)}"
HOSTILE = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "{{ 7 * 7 }}",
    "</ul></tg-waterfall></main><h1>All is well</h1>",
]
DECEPTIVE = "harbor\u202egnp.exe\x07\x1b[31m"


def put_hostile(site: Site, text: str) -> None:
    root = make_line(1, name=text, service=text, tenant=text, role="agent", operation="invoke_agent", agent_name=text,
                     error_type=text, run_outcome="failed", status=2)  # fmt: skip
    tool = make_line(2, parent=1, role="step", operation="execute_tool", tool=text, run_outcome="validation_error",
                     error_type=text, provider=text, model=text)  # fmt: skip
    event = SpanEvent("gen_ai.evaluation.result", 0, {
        "gen_ai.evaluation.name": text, "gen_ai.evaluation.explanation": text, "gen_ai.evaluation.score.label": text,
    })  # fmt: skip
    documents = {"retrieval.documents.0.document.id": text, "retrieval.documents.0.document.score": text}
    site.traces.put(
        make_detail(root, attributes={text: text, "input.value": text}, resource={text: text}, release=text),
        make_detail(tool, status_message=text, attributes=documents, events=(event,), object=text),
    )
    site.traces.logs[HARBOR, TRACE] = [make_log(body=text, event_name=text, service=text, severity_text=text)]
    site.runs.runs[HARBOR] = [
        make_run(1, name=text, agent_name=text, model=text, provider=text, tenant=text, release=text, error_code=text,
                 conversation_id=text, finish_reason=text, prompt_version=text, cost_source=text, price_version=text,
                 is_priced=1, outcome="failed")
    ]  # fmt: skip


PAGES = [
    TRACE_PAGE,
    f"{TRACE_PAGE}?span={span_id(1)}",
    f"{TRACE_PAGE}?span={span_id(2)}",
    f"{TRACE_PAGE}/rows",
    f"{TRACE_PAGE}/spans/{span_id(2)}",
    "/traces",
    "/ai-runs",
    RUN_PAGE,
    f"/ai-runs/compare?a={TRACE}/{span_id(1)}&b={TRACE}/{span_id(1)}",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize("path", PAGES)
async def test_text_from_outside_stays_text(site: Site, path: str, text: str) -> None:
    put_hostile(site, text)
    page = await site.open(path)
    assert text in " ".join(page.main.texts)
    assert not page.all("img")
    assert len(page.all("h1")) == 1


@pytest.mark.parametrize("path", PAGES)
async def test_characters_that_deceive_are_taken_out(site: Site, path: str) -> None:
    put_hostile(site, DECEPTIVE)
    answer = await site.browser.get(path)
    assert "harborgnp.exe[31m" in answer.text
    assert not {"\u202e", "\x07", "\x1b"} & set(answer.text)


async def test_a_filter_from_outside_stays_text(site: Site) -> None:
    for path in ("/ai-runs", "/traces"):
        page = await site.open(f'{path}?tenant="><script>alert(1)</script>')
        assert page.one("input", name="tenant").attributes["value"] == '"><script>alert(1)</script>'


async def test_first_use_says_what_will_appear(site: Site) -> None:
    assert "No AI run was counted yet" in (await site.open("/ai-runs")).main.text
    assert "No trace began in the last hour" in (await site.open("/traces")).main.text


async def test_an_empty_filter_names_itself_and_a_way_out(site: Site) -> None:
    page = await site.open("/ai-runs?outcome=failed&tenant=acme")
    assert "No run fits outcome failed, tenant acme" in page.main.text
    assert "/ai-runs" in page.links
    assert "fits the filters" in (await site.open("/traces?service=x")).main.text


async def test_saved_filters_are_links_and_the_chosen_one_is_marked(site: Site) -> None:
    page = await site.open("/ai-runs?outcome=policy_blocked")
    assert page.one("a", href="/ai-runs?outcome=policy_blocked").attributes["aria-current"] == "page"
    assert [query.outcome for query in site.runs.asked] == ["policy_blocked"]


async def test_older_runs_are_a_link_that_keeps_the_filter(site: Site) -> None:
    site.runs.runs[HARBOR] = [make_run(n, outcome="failed") for n in range(1, 60)]
    page = await site.open("/ai-runs?outcome=failed")
    assert "/ai-runs?outcome=failed&cursor=50" in page.links
    page = await site.open("/ai-runs?outcome=failed&cursor=50")
    assert len([link for link in page.links if link.startswith(f"/ai-runs/{TRACE}")]) == 9


@pytest.mark.parametrize(
    ("path", "field"),
    [("/ai-runs?minCostUsd=x", "minCostUsd"), ("/ai-runs?from=x", "'x'"), ("/traces?from=x", "'x'"),
     (f"{TRACE_PAGE}?cursor=bm8", "cursor"), ("/ai-runs/compare?a=x&b=y", "a=trace/span")],
)  # fmt: skip
async def test_a_bad_value_is_a_page_that_names_it(site: Site, path: str, field: str) -> None:
    site.traces.put(*agent_details())
    assert field in (await site.open(path, status=422)).main.text


async def test_an_engine_that_is_away_is_an_error_and_never_an_empty_list(site: Site) -> None:
    site.traces.is_away = True
    for path in ("/traces", TRACE_PAGE, RUN_PAGE):
        page = await site.open(path, status=503)
        assert "unavailable" in page.main.text
        assert "No trace" not in page.main.text


async def test_what_is_wrong_with_a_trace_stands_above_it(site: Site) -> None:
    site.traces.put_lines(
        make_line(1, parent=9), make_line(2, parent=3), make_line(3, parent=2),
        make_line(4, distrusted=1), make_line(5, replayed=1),
    )  # fmt: skip
    text = (await site.open(TRACE_PAGE)).main.text
    for words in ("Spans are missing", "round in a circle", "cannot be believed", "Replayed from a recording"):
        assert words in text


async def test_the_run_page_says_how_it_ended_what_it_used_and_cost(site: Site) -> None:
    site.traces.put(*agent_details())
    site.runs.runs[HARBOR] = [
        make_run(1, outcome="failed", error_code="rate_limit", agent_name="assistant", is_priced=1, ttfc_ns=200_000_000,
                 cost_nano_usd=1_250_000, cost_source="table", price_version="2026-02-01", cached_input_tokens=200,
                 reasoning_tokens=30, conversation_id="c-1")
    ]  # fmt: skip
    text = (await site.open(RUN_PAGE)).main.text
    for words in (
        "assistant failed after 1.2 s: rate_limit in model gpt-4o-mini.", "0.00125 USD", "by the price table",
        "prices 2026-02-01", "200 cached", "30 reasoning", "200 ms", "c-1", "attempt 1 of 2, made good later", "doc-7",
        "groundedness", "1 guardrail let it pass",
    ):  # fmt: skip
        assert words in text


async def test_content_is_behind_an_element_that_is_closed(site: Site) -> None:
    site.traces.put(*agent_details(text="my secret question"))
    for path in (RUN_PAGE, f"{TRACE_PAGE}?span={span_id(6)}"):
        page = await site.open(path)
        holders = [one for one in page.all("details") if "my secret question" in one.text]
        assert holders
        assert all("open" not in one.attributes for one in holders)
        assert "masked" in page.main.text


async def test_a_run_without_stored_content_says_why(site: Site) -> None:
    site.traces.put(make_detail(make_line(1, role="agent", run_outcome="ok")))
    text = (await site.open(RUN_PAGE)).main.text
    assert "No content is stored" in text
    assert "not counted yet" in text
    assert "unpriced" in text


async def test_two_runs_are_compared_and_what_differs_is_said_in_words(site: Site) -> None:
    site.traces.put(*agent_details())
    site.runs.runs[HARBOR] = [make_run(1), make_run(6, model="other")]
    page = await site.open(f"/ai-runs/compare?a={TRACE}/{span_id(1)}&b={TRACE}/{span_id(6)}")
    rows = [one.text for one in page.all("th", scope="row")]
    assert "Model differs" in rows
    assert "Provider" in rows


async def test_scripts_and_styles_of_a_trace_keep_their_budgets(site: Site) -> None:
    site.traces.put(*agent_details())
    page = await site.open(TRACE_PAGE)
    scripts = [script.attributes["src"] for script in page.all("script")]
    styles = [link.attributes["href"] for link in page.all("link", rel="stylesheet")]
    assert packaged_assets().url_of("waterfall.js") in scripts
    assert sum([await sent_bytes(site, path) for path in scripts]) <= 30_000
    assert sum([await sent_bytes(site, path) for path in styles]) <= 15_000


@pytest.mark.parametrize(
    ("number", "text", "words"), [(9, "", "INFO"), (0, "", ""), (18, "", "ERROR"), (9, "Notice", "Notice")]
)
async def test_a_log_record_of_a_trace_says_its_level_in_words(site: Site, number: int, text: str, words: str) -> None:
    site.traces.put(make_detail(make_line(1)))
    site.traces.logs[HARBOR, TRACE] = [make_log(severity=number, severity_text=text, body="said", service="api")]
    page = await site.open(f"/traces/{TRACE}")
    assert f"{words} api" in page.main.text if words else "0 api" not in page.main.text
