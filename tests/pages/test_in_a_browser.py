"""What only a browser can show: live contents, focus, keys, forms under our own policy, accessibility."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import BrowserContext, Page
from tests.e2e.browser import open_browser, requires_chromium
from tests.pages.conftest import Site
from tests.pages.gate_worlds import make_gate, make_release
from tests.pages.signal_worlds import fill, make_open_alert
from tests.pages.worlds import HARBOR, LINK, NOW, SESSION, make_alert

from tidegate.alerts import AlertState
from tidegate.edge.caller import SESSION_COOKIE
from tidegate.edge.moments import relative
from tidegate.edge.static import packaged_assets
from tidegate.gates import CheckOutcome
from tidegate.signals import Family, Totals

pytestmark = [pytest.mark.browser, requires_chromium]

FRESH_WITHIN_S = 2.0
PATIENCE_S = 60.0  # for what has no bound of its own, on a busy machine
AXE = os.environ.get("TIDEGATE_AXE")
PATHS = [
    "/",
    "/gates/b",
    "/signals",
    "/signals/auth?by=tenant",
    "/tenants",
    "/tenants/acme",
    "/alerts",
    "/alerts/alr_00001",
    "/runbooks",
    "/runbooks/auth_failure_rate_high",
    "/sign-in",
]


@dataclass
class Window:
    site: Site
    url: str
    context: BrowserContext
    page: Page
    complaints: list[str]
    """What the browser said on its console: broken policy, broken scripts."""
    server: "Server"


class Server:
    """The site on a loopback port; it can go away and come back at the same place."""

    def __init__(self, application: object) -> None:
        self._application = application
        self.port = 0

    async def start(self) -> None:
        config = uvicorn.Config(self._application, port=self.port, log_config=None, lifespan="off")  # type: ignore[arg-type] # an ASGI application
        self._server = uvicorn.Server(config)
        self._server.install_signal_handlers = lambda: None  # type: ignore[attr-defined,method-assign] # the test keeps its signals
        self._task = asyncio.create_task(self._server.serve())
        await until(lambda: self._server.started)
        self.port = self._server.servers[0].sockets[0].getsockname()[1]

    async def stop(self) -> None:
        self._server.should_exit = True
        self._server.force_exit = True
        await self._task


async def until(condition: Callable[[], bool]) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while not condition():
        assert asyncio.get_running_loop().time() < deadline
        await asyncio.sleep(0.02)


@asynccontextmanager
async def window_on(site: Site, **options: object) -> AsyncIterator[Window]:
    server = Server(site.application)
    await server.start()
    url = f"http://127.0.0.1:{server.port}"
    try:
        async with open_browser(**options) as context:  # type: ignore[arg-type] # sizes and options by name
            await context.add_cookies([{"name": SESSION_COOKIE, "value": SESSION, "url": url}])
            page = context.pages[0]
            complaints: list[str] = []
            page.on("console", lambda message: complaints.append(message.text))
            page.on("pageerror", lambda error: complaints.append(str(error)))
            yield Window(site, url, context, page, complaints, server)
    finally:
        await server.stop()


@pytest.fixture
async def window(site: Site) -> AsyncIterator[Window]:
    async with window_on(site) as opened:
        yield opened


@pytest.fixture(autouse=True)
def harbor(site: Site) -> None:
    site.releases.candidates[HARBOR] = make_release()
    site.gates.found[HARBOR] = [
        make_gate("a", CheckOutcome.PASSED),
        make_gate("b", CheckOutcome.PASSED, CheckOutcome.MISSING),
        make_gate("c", CheckOutcome.PASSED),
    ]
    site.alerts.alerts[HARBOR] = [make_alert(1), make_alert(2, state=AlertState.PENDING, is_held=True)]
    fill(site.signals)
    site.watcher.alerts = [make_open_alert()]


async def text_of(window: Window, selector: str) -> str:
    return " ".join((await window.page.locator(selector).inner_text()).split())


async def eventually(find: Callable[[], Awaitable[object]], wanted: object) -> None:
    deadline = asyncio.get_running_loop().time() + PATIENCE_S
    while (found := await find()) != wanted:
        assert asyncio.get_running_loop().time() < deadline, found
        await asyncio.sleep(0.05)


async def test_a_change_is_seen_within_two_seconds_and_said_once(window: Window) -> None:
    await window.page.goto(f"{window.url}/")
    await window.page.wait_for_selector("#connection[data-state=live]")
    window.site.gates.found[HARBOR][2] = make_gate("c", CheckOutcome.FAILED)
    await window.page.wait_for_selector("#gate-c[data-verdict=NO-GO]", timeout=(FRESH_WITHIN_S + PATIENCE_S) * 1000)
    said = await window.page.locator("#announcements").inner_text()
    assert said == "Launch verdict changed to NO-GO. Gate C gate changed to NO-GO."
    assert await text_of(window, "h1") == "Release 2026.02.1 may not go out: 1 of 3 gates says NO-GO, 1 holds."
    assert await window.page.title() == "NO-GO 2026.02.1 · Launch · tidegate"
    assert window.complaints == []


async def test_a_change_is_told_by_the_stream_and_asked_for_at_once(window: Window) -> None:
    await window.page.goto(f"{window.url}/")
    await window.page.wait_for_selector("#connection[data-state=live]")
    await until(lambda: bool(window.site.versions.asked))
    await window.page.wait_for_timeout(1_600)  # past what the beginning of a stream asks for
    answers = count_of_answers(window)
    window.site.gates.found[HARBOR][2] = make_gate("c", CheckOutcome.FAILED)
    window.site.versions.raise_topic("gates")
    began = asyncio.get_running_loop().time()
    await window.page.wait_for_selector("#gate-c[data-verdict=NO-GO]", timeout=PATIENCE_S * 1000)
    assert asyncio.get_running_loop().time() - began < FRESH_WITHIN_S
    assert answers.count("partial") == 1
    assert window.complaints == []


def count_of_answers(window: Window) -> list[str]:
    answers: list[str] = []
    window.page.on("requestfinished", lambda request: answers.append(request.headers.get("hx-request-type", "")))
    return answers


async def test_a_tab_holds_one_stream_and_none_while_it_is_hidden(window: Window) -> None:
    await window.page.goto(f"{window.url}/signals")
    await until(lambda: window.site.hub.stream_count == 1)
    await window.page.evaluate(
        "Object.defineProperty(document, 'hidden', { get: () => true, configurable: true });"
        "document.dispatchEvent(new Event('visibilitychange'))"
    )
    await until(lambda: window.site.hub.stream_count == 0)
    await window.page.evaluate("delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))")
    await until(lambda: window.site.hub.stream_count == 1)
    assert window.complaints == []


async def test_where_streams_do_not_come_through_the_page_polls(window: Window) -> None:
    await window.page.route("**/events?*", lambda route: route.abort())
    await window.page.goto(f"{window.url}/")
    await window.page.wait_for_selector("#connection[data-state=live]")
    window.site.gates.found[HARBOR][2] = make_gate("c", CheckOutcome.FAILED)
    await window.page.wait_for_selector("#gate-c[data-verdict=NO-GO]", timeout=PATIENCE_S * 1000)
    await eventually(lambda: text_of(window, "#connection"), "Live, every 15 s")


async def test_a_chart_is_drawn_from_its_table_and_again_in_other_colours(window: Window) -> None:
    await window.page.goto(f"{window.url}/signals/auth")
    canvas = "document.querySelector('#chart-failures tg-chart').shadowRoot.querySelector('canvas')"
    await eventually(lambda: window.page.evaluate(f"{canvas} !== null"), wanted=True)
    before = await window.page.evaluate(f"{canvas}.toDataURL()")
    await window.page.evaluate("document.documentElement.dataset.appearance = 'dark'")
    await eventually(lambda: window.page.evaluate(f"{canvas}?.toDataURL() !== {before!r}"), wanted=True)
    assert window.complaints == []


async def test_a_legend_fits_a_phone_and_says_nothing_of_data_without_a_pointer(site: Site) -> None:
    for number in range(3):
        fill(site.signals, route=f"/workspaces/{{workspaceId}}/documents/{{documentId}}/versions/{number}/compare")
    async with window_on(site, width=375) as window:
        await window.page.goto(f"{window.url}/signals/request?by=route")
        chart = "document.querySelector('#chart-volume tg-chart')"
        await window.page.evaluate(f"{chart}.scrollIntoView()")
        await eventually(lambda: window.page.evaluate(f"Boolean({chart}.plot)"), wanted=True)
        legend = await window.page.evaluate(f"{chart}.shadowRoot.querySelector('.u-legend').textContent")
        assert "/compare" in legend
        assert "no data" not in legend
        assert await window.page.evaluate("document.documentElement.scrollWidth") <= 375
        assert window.complaints == []


async def test_new_contents_reach_a_chart_that_stays(window: Window) -> None:
    await window.page.goto(f"{window.url}/signals/auth")
    chart = "document.querySelector('#chart-failures tg-chart')"
    await eventually(lambda: window.page.evaluate(f"Boolean({chart}.plot)"), wanted=True)
    await window.page.evaluate(f"window.first = {chart}.plot")
    points = await window.page.evaluate(f"{chart}.plot.data[1].filter((value) => value !== null).length")
    at = NOW - timedelta(minutes=30, seconds=40)
    window.site.signals.add(HARBOR, Family.AUTH, at, Totals(count=50, failure_count=9), service="harbor-api")
    window.site.versions.raise_topic("signals")
    drawn = f"{chart}.plot.data[1].filter((value) => value !== null).length > {points}"
    await eventually(lambda: window.page.evaluate(drawn), wanted=True)
    assert await window.page.evaluate(f"{chart}.plot === window.first")
    assert window.complaints == []


async def test_focus_open_details_and_place_survive_new_contents(window: Window) -> None:
    await window.page.goto(f"{window.url}/")
    await window.page.locator("#gate-c a").focus()
    await window.page.locator("summary").click()
    await window.page.locator("#gate-c a").focus()
    window.site.gates.found[HARBOR][2] = make_gate("c", CheckOutcome.FAILED)
    await window.page.wait_for_selector("#gate-c[data-verdict=NO-GO]")
    assert await window.page.evaluate("document.activeElement.closest('tr')?.id") == "gate-c"
    assert await window.page.evaluate("document.querySelector('details').open")


async def test_when_answers_stay_away_the_page_says_so_ages_and_recovers(window: Window) -> None:
    await window.page.goto(f"{window.url}/")
    await window.page.wait_for_selector("#connection[data-state=live]")
    await window.server.stop()
    await window.page.wait_for_selector("#connection[data-state=lost]", timeout=PATIENCE_S * 1000)
    assert (await text_of(window, "#connection")).startswith("Live updates paused, retrying in")
    assert await window.page.locator("#announcements").inner_text() == ("Live updates paused. What you see may be old.")
    assert await window.page.locator("#gate-a").count() == 1
    before = await window.page.locator(".why time").inner_text()

    async def has_aged() -> bool:
        return await window.page.locator(".why time").inner_text() != before

    await eventually(has_aged, wanted=True)
    await window.server.start()
    await window.page.wait_for_selector("#connection[data-state=live]", timeout=PATIENCE_S * 1000)
    assert await window.page.locator("#announcements").inner_text() == "Live updates are back."


async def test_an_error_never_replaces_what_is_on_the_page(window: Window) -> None:
    await window.page.goto(f"{window.url}/")
    await window.page.wait_for_selector("#connection[data-state=live]")
    window.site.gates.is_away = True
    await window.page.wait_for_selector("#connection[data-state=lost]", timeout=PATIENCE_S * 1000)
    assert await window.page.locator("#gate-a").count() == 1
    window.site.gates.is_away = False
    await window.page.wait_for_selector("#connection[data-state=live]", timeout=PATIENCE_S * 1000)


async def test_an_ended_session_leads_to_the_sign_in_page(window: Window) -> None:
    await window.page.goto(f"{window.url}/")
    window.site.identity.sessions.clear()
    await window.page.wait_for_url(f"{window.url}/sign-in", timeout=PATIENCE_S * 1000)


async def test_signing_in_and_out_with_the_button(window: Window) -> None:
    await window.context.clear_cookies()
    await window.page.goto(f"{window.url}/sign-in?link={LINK}")
    await window.page.get_by_role("button", name="Sign in").click()
    await window.page.wait_for_url(f"{window.url}/")
    assert await window.page.locator("#gate-a").count() == 1
    await window.page.get_by_role("button", name="Menu").click()
    await window.page.get_by_role("button", name="Sign out").click()
    await window.page.wait_for_url(f"{window.url}/sign-in")
    assert "session-from-link" not in window.site.identity.sessions


async def test_the_appearance_is_chosen_in_the_menu_and_kept(window: Window) -> None:
    await window.page.goto(f"{window.url}/alerts")
    await window.page.get_by_role("button", name="Menu").click()
    await window.page.get_by_role("button", name="Dark").click()
    await window.page.wait_for_selector("html[data-appearance=dark]")
    assert window.page.url == f"{window.url}/alerts"
    assert await window.page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == "rgb(14, 18, 22)"


async def test_keys_move_open_and_help(window: Window) -> None:
    await window.page.goto(f"{window.url}/")
    await window.page.wait_for_selector("#connection[data-state=live]")
    await window.page.keyboard.press("j")
    await window.page.keyboard.press("j")
    assert await window.page.evaluate("document.activeElement.closest('tr')?.id") == "gate-a"
    await window.page.keyboard.press("k")
    assert await window.page.evaluate("document.activeElement.closest('tr')?.id") == "gate-b"
    await window.page.keyboard.press("?")
    assert await window.page.locator("#keys").is_visible()
    await window.page.keyboard.press("Escape")
    assert await window.page.locator("#keys").is_hidden()
    await window.page.keyboard.press("Enter")
    await window.page.wait_for_url(f"{window.url}/gates/b")
    await window.page.wait_for_selector("#connection[data-state=live]")
    await window.page.keyboard.press("g")
    await window.page.keyboard.press("a")
    await window.page.wait_for_url(f"{window.url}/alerts")
    assert window.complaints == []


async def test_single_keys_can_be_turned_off(window: Window) -> None:
    await window.page.goto(f"{window.url}/")
    await window.page.get_by_role("button", name="Help").click()
    await window.page.get_by_label("Single keys do something").uncheck()
    await window.page.keyboard.press("Escape")
    await window.page.reload()
    await window.page.wait_for_selector("#connection[data-state=live]")
    await window.page.keyboard.press("j")
    assert await window.page.evaluate("document.activeElement === document.body")


@pytest.mark.parametrize("path", PATHS)
async def test_nothing_sticks_out_of_a_phone(site: Site, path: str) -> None:
    site.gates.found[HARBOR].append(make_gate("d", CheckOutcome.FAILED, title="W" * 200))
    site.alerts.alerts[HARBOR].append(make_alert(3, service="W" * 200, tenant="W" * 200))
    async with window_on(site, width=320) as window:
        await window.page.goto(window.url + path)
        assert await window.page.evaluate("document.documentElement.scrollWidth") <= 320
        small = await window.page.evaluate(
            "[...document.querySelectorAll('button, nav a, .brand')].filter((e) => e.checkVisibility())"
            ".filter((e) => e.getBoundingClientRect().height < 24).map((e) => e.outerHTML)"
        )
        assert small == []
        assert window.complaints == []


@pytest.mark.skipif(AXE is None, reason="TIDEGATE_AXE names no axe.min.js (npm pack axe-core)")
@pytest.mark.parametrize("colours", ["light", "dark"])
async def test_axe_finds_nothing(site: Site, colours: str) -> None:
    script = Path(AXE or "").read_text()  # noqa: ASYNC240 - once, before anything runs
    async with window_on(site, color_scheme=colours) as window:
        for path in PATHS:
            await window.page.goto(window.url + path)
            # Evaluated by the tool, not by the page: the page's policy stays as it is.
            found = await window.page.evaluate(script + ";axe.run().then((result) => result.violations)")
            assert [(path, one["id"], one["nodes"][0]["html"]) for one in found] == []


async def test_server_and_page_write_ages_alike(window: Window) -> None:
    await window.page.goto(f"{window.url}/")
    lengths = [0, 0.4, 1, 59, 60, 119, 120, 121, 3_599, 7_199, 7_200, 86_400, 172_799, 172_800, 9_999_999]
    moments = [NOW + timedelta(seconds=sign * length) for sign in (-1, 1) for length in lengths]
    ours = [relative(moment, NOW) for moment in moments]
    theirs = await window.page.evaluate(
        "async ([url, moments, now]) => { const { relative } = await import(url);"
        " return moments.map((moment) => relative(moment, now)); }",
        [
            packaged_assets().url_of("live.js"),
            [moment.timestamp() * 1000 for moment in moments],
            NOW.timestamp() * 1000,
        ],
    )
    assert theirs == ours
