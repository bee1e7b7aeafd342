"""Assets: sizes, caching, licences, colours."""

import gzip
import re
from importlib import resources

import pytest
from tests.pages.conftest import Site
from tests.pages.gate_worlds import make_gate, make_release
from tests.pages.signal_worlds import fill
from tests.pages.worlds import HARBOR, make_alert

from tidegate.edge.static import packaged_assets
from tidegate.gates import CheckOutcome

GZIP = {"accept-encoding": "gzip"}
SCRIPTS = ["htmx.js", "live.js", "keys.js"]
CHARTS = ["uplot.js", "chart.js"]
STYLES = ["tokens.css", "page.css", "print.css"]
HASHED = re.compile(r"/assets/[a-z]+\.[0-9a-f]{12}\.(css|js|svg|txt)", re.IGNORECASE)
PAIR = re.compile(r"--([a-z0-9-]+): light-dark\((#[0-9a-f]{6}), (#[0-9a-f]{6})\);")


async def sent_bytes(site: Site, path: str) -> int:
    async with site.browser.stream("GET", path, headers=GZIP) as answer:
        return sum([len(chunk) async for chunk in answer.aiter_raw()])


async def test_scripts_and_styles_keep_their_budgets(site: Site) -> None:
    page = await site.open("/")
    scripts = [script.attributes["src"] for script in page.all("script")]
    styles = [link.attributes["href"] for link in page.all("link", rel="stylesheet")]
    assert len(scripts) == len(SCRIPTS)
    assert len(styles) == len(STYLES)
    assert sum([await sent_bytes(site, path) for path in scripts]) <= 30_000
    assert sum([await sent_bytes(site, path) for path in styles]) <= 15_000


async def test_a_page_with_charts_keeps_its_budgets(site: Site) -> None:
    fill(site.signals)
    page = await site.open("/signals/auth?range=1h")
    scripts = [script.attributes["src"] for script in page.all("script")]
    assert len(scripts) == len([*SCRIPTS, *CHARTS])
    assert sum([await sent_bytes(site, path) for path in scripts]) <= 60_000
    assert len(page.all("tg-chart")) <= 12
    assert await sent_bytes(site, "/signals/auth?range=1h") <= 25_000


async def test_the_board_of_200_gates_keeps_its_budget(site: Site) -> None:
    site.releases.candidates[HARBOR] = make_release()
    outcomes = [CheckOutcome.FAILED, CheckOutcome.MISSING, CheckOutcome.STALE, *[CheckOutcome.PASSED] * 5]
    site.gates.found[HARBOR] = [make_gate(f"gate-{number:03d}", *outcomes) for number in range(200)]
    site.alerts.alerts[HARBOR] = [make_alert(number) for number in range(50)]
    assert await sent_bytes(site, "/") <= 20_000


async def test_the_glyphs_keep_their_budget() -> None:
    glyphs = resources.files("tidegate.edge") / "html" / "glyphs.html"
    assert len(glyphs.read_bytes()) <= 6_000


@pytest.mark.parametrize("name", [*SCRIPTS, *CHARTS, *STYLES, "uplot.css", "icon.svg", "LICENSES.txt"])
async def test_an_asset_is_kept_for_ever_under_an_address_of_its_bytes(site: Site, name: str) -> None:
    site.sign_in_as(None)
    url = packaged_assets().url_of(name)
    assert HASHED.fullmatch(url)
    answer = await site.browser.get(url, headers=GZIP)
    assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert answer.headers["content-encoding"] == "gzip"
    assert answer.headers["vary"] == "accept-encoding"
    plain = await site.browser.get(url, headers={"accept-encoding": "identity"})
    assert "content-encoding" not in plain.headers
    assert plain.content == answer.content
    again = await site.browser.get(url, headers={"if-none-match": plain.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


async def test_another_version_of_an_asset_is_not_there(site: Site) -> None:
    for path in ("/assets/htmx.js", "/assets/htmx.000000000000.js", "/assets/..%2fhtml%2flayout.html"):
        assert (await site.browser.get(path)).status_code == 404


async def test_pages_may_run_and_style_only_what_is_ours(site: Site) -> None:
    policy = (await site.browser.get("/")).headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_every_vendored_file_has_its_licence() -> None:
    licences = (resources.files("tidegate.edge") / "assets" / "LICENSES.txt").read_text()
    assert "htmx.js: htmx 4.0.1" in licences
    assert "Permission to use, copy, modify, and/or distribute" in licences
    script = (resources.files("tidegate.edge") / "assets" / "htmx.js").read_text()
    assert '"4.0.1"' in script
    assert "sourceMappingURL" not in script
    assert "uplot.js, uplot.css: uPlot 1.6.32" in licences
    assert "Copyright (c) 2022 Leon Sorokin" in licences
    chart = (resources.files("tidegate.edge") / "assets" / "uplot.js").read_text()
    assert "uPlot (v1.6.32)" in chart
    assert "sourceMappingURL" not in chart


def test_text_can_be_read_on_its_ground_in_light_and_in_dark() -> None:
    tokens = (resources.files("tidegate.edge") / "assets" / "tokens.css").read_text()
    colours = {name: (light, dark) for name, light, dark in PAIR.findall(tokens)}
    grounds = [(name, f"{name}-ground") for name in ("go", "hold", "no-go", "unknown", "running")]
    texts = [(name, ground) for name in ("text", "muted", "link") for ground in ("page", "raised")]
    for appearance in (0, 1):
        for text, ground in [*grounds, *texts]:
            assert contrast(colours[text][appearance], colours[ground][appearance]) >= 4.5, (text, ground)
        for mark in (
            "go",
            "hold",
            "no-go",
            "unknown",
            "running",
            "focus",
            "line-strong",
            *(f"series-{number}" for number in range(1, 6)),
        ):
            assert contrast(colours[mark][appearance], colours["page"][appearance]) >= 3, mark


def contrast(one: str, other: str) -> float:
    """Return the contrast ratio of WCAG 2.2."""
    lighter, darker = sorted((luminance(one), luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def luminance(colour: str) -> float:
    parts = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_compression_of_assets_is_the_same_on_every_machine_of_a_build() -> None:
    for name in SCRIPTS:
        asset = packaged_assets().get(packaged_assets().url_of(name))
        assert gzip.decompress(asset.compressed) == asset.body
