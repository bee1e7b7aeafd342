"""The waterfall in a real browser: 5,000 spans at once, arrow keys, the panel, and what stays without script."""

import os
import time
from pathlib import Path

import pytest
from tests.e2e.browser import open_browser, requires_chromium
from tests.pages.conftest import Site
from tests.pages.test_in_a_browser import Server, Window, eventually, text_of, window_on
from tests.pages.trace_worlds import agent_details, make_detail, make_line, make_log, make_run
from tests.pages.worlds import HARBOR, SESSION
from tests.telemetry_rows import TRACE, span_id

from tidegate.edge.caller import SESSION_COOKIE

pytestmark = [pytest.mark.browser, requires_chromium]

MANY = 5_000
FIRST_PAINT = "performance.getEntriesByType('paint').find(e => e.name === 'first-contentful-paint').startTime"
SHOTS = os.environ.get("TIDEGATE_SHOTS")
RUN = f"/ai-runs/{TRACE}/{span_id(1)}"
SEEN = [f"/traces/{TRACE}?span={span_id(6)}", RUN, "/ai-runs", "/traces",
        f"/ai-runs/compare?a={TRACE}/{span_id(1)}&b={TRACE}/{span_id(6)}"]  # fmt: skip


def put_many(site: Site) -> None:
    """Store a trace of 5,000 spans: 50 steps of 100 spans each, the last of them failed."""
    lines = [make_line(1, name="root", length_ms=50_000)]
    for step in range(50):
        top = 2 + step * 100
        lines.append(make_line(top, parent=1, start_ms=step * 1_000, length_ms=900, name=f"part {step}"))
        lines += [make_line(top + n, parent=top, start_ms=step * 1_000 + n * 8, length_ms=8) for n in range(1, 100)]
    lines = lines[:MANY]
    lines[-1] = lines[-1]._replace(status=2, name="the last one")
    site.traces.put(*map(make_detail, lines))


async def open_trace(window: Window, path: str = f"/traces/{TRACE}") -> None:
    await window.page.goto(window.url + path)
    await window.page.wait_for_selector("tg-waterfall [role=treegrid] [role=row]")


async def active(window: Window) -> str:
    return await window.page.evaluate("document.activeElement.querySelector?.('a')?.textContent ?? ''")


async def press(window: Window, *keys: str) -> None:
    for key in keys:
        await window.page.keyboard.press(key)


async def test_5000_spans_are_painted_at_once_with_only_the_seen_rows_in_the_page(site: Site) -> None:
    put_many(site)
    async with window_on(site) as window:
        paints = []
        for _ in range(4):
            await open_trace(window)
            paints.append(await window.page.evaluate(FIRST_PAINT))
        print(f"first paint of {MANY} spans: best {min(paints):.0f} ms")  # noqa: T201 - quoted in reports
        assert min(paints) <= 1_500  # the bar is 300 ms on a quiet machine
        rows = window.page.locator("[role=row]")
        assert 10 <= await rows.count() <= 80
        assert await window.page.locator("[role=treegrid]").get_attribute("aria-rowcount") == str(MANY)
        assert await window.page.locator(".spans").count() == 0
        assert window.complaints == []


async def test_the_last_row_is_a_key_away_and_is_fetched_when_it_is_needed(site: Site) -> None:
    put_many(site)
    async with window_on(site) as window:
        await open_trace(window)
        await window.page.locator("[role=row]").first.focus()
        await press(window, "End")
        await eventually(lambda: active(window), "the last one")
        assert await window.page.locator("[role=row]").count() <= 120
        await press(window, "Home")
        assert await active(window) == "root"


async def test_arrow_keys_open_close_and_climb(site: Site) -> None:
    put_many(site)
    async with window_on(site) as window:
        await open_trace(window)
        await window.page.locator("[role=row]").first.focus()
        await press(window, "ArrowDown")
        assert await active(window) == "part 0"
        await press(window, "ArrowRight", "ArrowRight")
        assert await active(window) == "step 3"
        await press(window, "ArrowLeft")
        assert await active(window) == "part 0"
        await press(window, "ArrowLeft")
        closed = window.page.locator("[role=row][aria-expanded=false]")
        assert await closed.count() == 1
        await press(window, "ArrowDown")
        assert await active(window) == "part 1"
        await press(window, "ArrowUp", "ArrowRight")
        assert await closed.count() == 0


async def test_the_next_failed_span_is_found_wherever_it_is(site: Site) -> None:
    put_many(site)
    site.traces.spans[HARBOR, TRACE][3_000] = make_detail(
        site.traces.spans[HARBOR, TRACE][3_000].line._replace(status=2, name="broken")
    )
    async with window_on(site) as window:
        await open_trace(window)
        await window.page.get_by_role("button", name="Next failed span").click()
        await eventually(lambda: active(window), "broken")


async def test_a_chosen_span_is_shown_beside_and_stands_in_the_address(site: Site) -> None:
    site.traces.put(*agent_details(text="<b>hello</b>"))
    async with window_on(site) as window:
        await open_trace(window)
        await window.page.get_by_text("chat gpt-4o-mini").click()
        await window.page.wait_for_selector("#span-heading")
        assert await text_of(window, "#span-heading") == "chat gpt-4o-mini"
        assert window.page.url.endswith(f"?span={span_id(6)}")
        assert await window.page.locator("#span b").count() == 0
        assert not await window.page.locator("#span .content pre").first.is_visible()
        assert await window.page.locator("[aria-selected=true]").count() == 1
        assert "is shown" in await window.page.locator("#announcements").inner_text()
        assert window.complaints == []


async def test_without_script_the_spans_are_a_nested_list_of_links_in_pages(site: Site) -> None:
    put_many(site)
    server = Server(site.application)
    await server.start()
    url = f"http://127.0.0.1:{server.port}"
    try:
        async with open_browser(java_script_enabled=False) as context:  # type: ignore[arg-type] # a bool option
            await context.add_cookies([{"name": SESSION_COOKIE, "value": SESSION, "url": url}])
            page = context.pages[0]
            await page.goto(f"{url}/traces/{TRACE}")
            assert await page.locator("ul.spans ul ul li").count() > 100
            await page.get_by_role("link", name="Next spans").click()
            assert "Spans 201 to 400 of 5,000" in await page.locator(".pager").inner_text()
            await page.get_by_role("link", name="step 300", exact=True).click()
            assert await page.locator("#span-heading").inner_text() == "step 300"
    finally:
        await server.stop()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("light", {"color_scheme": "light"}),
        ("dark", {"color_scheme": "dark"}),
        ("phone", {"width": 375, "height": 800}),
    ],
)
async def test_pages_fit_their_screens(site: Site, name: str, options: dict[str, object]) -> None:
    site.traces.put(*agent_details())
    site.traces.logs[HARBOR, TRACE] = [make_log(body="tool search timed out", span_id=span_id(4))]
    site.runs.runs[HARBOR] = [
        make_run(1, outcome="failed", error_code="rate_limit", tenant="acme", release="2026.02.1",
                 agent_name="assistant"),
        make_run(2, outcome="policy_blocked", is_priced=1, cost_nano_usd=12_345_678, cost_source="table",
                 price_version="2026-02-01"),
        make_run(3, is_priced=1, cost_nano_usd=0, cost_source="sender"),
    ]  # fmt: skip
    async with window_on(site, **options) as window:
        for number, path in enumerate(SEEN):
            await window.page.goto(window.url + path)
            await window.page.wait_for_load_state("networkidle")
            width = await window.page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert width <= 0, (path, width)
            if SHOTS:
                await window.page.screenshot(path=Path(SHOTS) / f"{name}-{number}.png", full_page=True)
        assert window.complaints == []


async def test_the_server_needs_little_for_5000_spans(site: Site) -> None:
    put_many(site)
    taken = []
    for _ in range(5):
        started = time.process_time()
        answer = await site.browser.get(f"/traces/{TRACE}", headers={"accept-encoding": "gzip"})
        taken.append(time.process_time() - started)
        assert answer.status_code == 200
    print(f"server, {MANY} spans: {sorted(taken)[2] * 1000:.0f} CPU-ms")  # noqa: T201 - quoted in reports
    async with site.browser.stream("GET", f"/traces/{TRACE}", headers={"accept-encoding": "gzip"}) as sent:
        assert sum([len(chunk) async for chunk in sent.aiter_raw()]) <= 25_000
