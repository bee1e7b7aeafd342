"""A real Chromium for tests; without one they are skipped aloud."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Playwright, async_playwright

__all__ = ["CHROMIUM", "close_browser", "open_browser", "requires_chromium"]

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

requires_chromium = pytest.mark.skipif(
    # Where the browser is required, its tests run and fail without it.
    not Path(CHROMIUM).exists() and "TIDEGATE_REQUIRE_BROWSER" not in os.environ,
    reason="there is no Chromium: apt-get install chromium, or let .ci/run do it",
)


class _Chromium:
    """One browser a test run, started when the first test asks for it: a start takes a second of a processor."""

    def __init__(self) -> None:
        self._driver: Playwright | None = None
        self._browser: Browser | None = None

    async def running(self) -> Browser:
        if self._driver is None:
            self._driver = await async_playwright().start()
        if self._browser is None or not self._browser.is_connected():
            self._browser = await self._driver.chromium.launch(executable_path=CHROMIUM, headless=True, args=_FLAGS)
        return self._browser

    async def close(self) -> None:
        if self._browser is not None:
            await self._browser.close()
        if self._driver is not None:
            await self._driver.stop()
        self._driver = self._browser = None


_chromium = _Chromium()


async def close_browser() -> None:
    """Stop the browser, if a test started it."""
    await _chromium.close()


@asynccontextmanager
async def open_browser(*, width: int = 1280, height: int = 800, **options: str) -> AsyncIterator[BrowserContext]:
    """Open one page in a new profile; `options` are those of a Playwright context, such as `color_scheme`."""
    browser = await _chromium.running()
    context = await browser.new_context(
        viewport={"width": width, "height": height},
        **options,  # type: ignore[arg-type] # Playwright types each option by itself
    )
    try:
        await context.new_page()
        yield context
    finally:
        await context.close()
