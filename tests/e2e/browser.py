"""A real Chromium for tests; without one they are skipped aloud."""

import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from playwright.async_api import BrowserContext, async_playwright

__all__ = ["CHROMIUM", "open_browser", "requires_chromium"]

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


@asynccontextmanager
async def open_browser(*, width: int = 1280, height: int = 800, **options: str) -> AsyncIterator[BrowserContext]:
    """Start Chromium with a new profile; `options` are those of a Playwright context, such as `color_scheme`."""
    with TemporaryDirectory(prefix="tidegate-chromium-") as profile:
        async with async_playwright() as playwright:
            context = await playwright.chromium.launch_persistent_context(
                profile,
                executable_path=CHROMIUM,
                headless=True,
                args=_FLAGS,
                viewport={"width": width, "height": height},
                **options,  # type: ignore[arg-type] # Playwright types each option by itself
            )
            try:
                yield context
            finally:
                await context.close()
