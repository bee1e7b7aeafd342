"""Text from outside: names, reasons and runbooks that want to be more than text."""

import pytest
from tests.pages.conftest import Site
from tests.pages.documents import Document
from tests.pages.gate_worlds import make_gate, make_release
from tests.pages.worlds import HARBOR, NOW, make_alert

from tidegate.edge.html import with_code
from tidegate.edge.markdown import html_of_markdown
from tidegate.gates import CheckOutcome
from tidegate.signals import Family, Totals
from tidegate.signals.explore import ReleaseMark

HOSTILE = [
    "<img src=x onerror=alert(1)>",
    '"><script>alert(1)</script>',
    "' onmouseover='alert(1)",
    "{{ 7 * 7 }}{% include 'edge/menu.html' %}",
    "</title></main><h1>Release may go out</h1>",
    "`<b>`",
]


@pytest.mark.parametrize("text", HOSTILE)
@pytest.mark.parametrize(
    "path", ["/", "/gates/x", "/alerts", "/alerts/alr_00001", "/signals/auth?by=service", "/tenants"]
)
async def test_text_from_outside_stays_text(site: Site, path: str, text: str) -> None:
    site.releases.candidates[HARBOR] = make_release(text, services=[text])
    site.gates.found[HARBOR] = [make_gate("x", CheckOutcome.FAILED, title=text)]
    site.alerts.alerts[HARBOR] = [make_alert(1, service=text, tenant=text)]
    for family in (Family.AUTH, Family.REQUEST):
        site.signals.add(HARBOR, family, NOW, Totals(count=40), service=text, tenant=text)
    site.marks.releases = [ReleaseMark(text, text, NOW)]
    page = await site.open(path)
    assert text in " ".join(page.main.texts)
    assert not page.all("img")
    assert not page.all("b")
    assert "49" not in page.one("h1").text


async def test_a_query_from_outside_stays_text(site: Site) -> None:
    page = await site.open('/alerts?service="><script>alert(1)</script>&state=resolved')
    assert '"><script>alert(1)</script>' in page.main.text
    for path in ("/signals", "/signals/auth", "/tenants"):
        page = await site.open(f'{path}?service="><script>alert(1)</script>')
        assert page.all("input", name="service")[0].attributes["value"] == '"><script>alert(1)</script>'
    page = await site.open('/sign-in?link="><script>alert(1)</script>')
    assert page.one("input", name="link").attributes["value"] == '"><script>alert(1)</script>'


async def test_characters_that_turn_the_direction_of_text_are_taken_out(site: Site) -> None:
    site.alerts.alerts[HARBOR] = [make_alert(1, service="harbor\u202egnp.exe\x07")]
    assert "harborgnp.exe" in (await site.open("/alerts")).main.text


def test_a_template_expression_in_a_name_is_not_run() -> None:
    assert with_code("{{ 7 * 7 }}") == "{{ 7 * 7 }}"


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("run `tidegate doctor` now", "run <code>tidegate doctor</code> now"),
        ("run `<b>` now", "run <code>&lt;b&gt;</code> now"),
        ("one ` alone <b>", "one ` alone &lt;b&gt;"),
    ],
)
def test_what_stands_between_backticks_is_code(text: str, html: str) -> None:
    assert with_code(text) == html


@pytest.mark.parametrize(
    "link",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "java&#x09;script:alert(1)",
        "vbscript:x",
        "data:text/html,x",
        "file:///etc/passwd",
        "//evil.test",
        "mailto:a@b.c",
    ],
)
def test_runbooks_link_to_the_web_and_to_us_only(link: str) -> None:
    assert not Document(html_of_markdown(f"[go]({link})")).all("a")
    assert not Document(html_of_markdown(f"<{link}>")).all("a")


@pytest.mark.parametrize("link", ["https://example.com/a", "http://example.com", "/alerts", "#stop", "other"])
def test_known_links_of_runbooks_work(link: str) -> None:
    assert Document(html_of_markdown(f"[go]({link})")).links == [link]


def test_runbooks_hold_no_html_and_no_pictures() -> None:
    html = html_of_markdown("# T\n\n<script>alert(1)</script> <b>x</b>\n\n![p](https://evil.test/p.png)\n")
    document = Document(html)
    assert not document.all("script")
    assert not document.all("b")
    assert not document.all("img")


def test_columns_of_tables_in_runbooks_have_their_headers() -> None:
    document = Document(html_of_markdown("| mostly | think of |\n|---|---|\n| 401 | keys |\n"))
    assert [header.attributes["scope"] for header in document.all("th")] == ["col", "col"]


def test_the_page_shows_the_title_so_the_text_starts_below_it() -> None:
    assert html_of_markdown("# Title\n\n## Stop it\n\nx").startswith("<h2>Stop it</h2>")
    assert html_of_markdown("# Title\n\n## Stop it\n", deepen=1) == "<h3>Stop it</h3>\n"
    assert html_of_markdown("no title") == "<p>no title</p>\n"
    assert html_of_markdown("") == ""
