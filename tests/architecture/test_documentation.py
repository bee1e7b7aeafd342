"""What the code offers stands in the documentation, and what the documentation says is there."""

import importlib.util
import re
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tidegate.alerts import load_rules
from tidegate.edge.problems import answer_for

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
REFERENCE = DOCS / "reference"
PAGES = sorted([*DOCS.rglob("*.md"), ROOT / "README.md", *(ROOT / "changes").glob("*.md")])
# Codes of the HTTP layer, which has no error class for them.
HTTP_CODES = {"method_not_allowed": 405, "internal_error": 500, "http_error": None}
VARIABLE = re.compile(
    r"""(?:environ(?:\.get|\.pop|\.setdefault)?[(\[]\s*|envvar=|_VARIABLE(?:: \w+)? = )["']([A-Z][A-Z0-9_]+)["']"""
)
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
TEST_ID = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")


@cache
def generator() -> ModuleType:
    """Return `docs/reference.py`, which is a script in no package."""
    spec = importlib.util.spec_from_file_location("docs_reference", DOCS / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def text_of(name: str) -> str:
    return (REFERENCE / name).read_text(encoding="utf-8")


def anchors_of(text: str) -> set[str]:
    """Return what `#…` may name in a page: its headings as they are shown on the web, and its own anchors."""
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    slugs = {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}
    return slugs | set(re.findall(r'<a id="([^"]+)"', text))


@pytest.mark.parametrize("page", sorted(REFERENCE.glob("*.md")), ids=lambda page: page.name)
def test_generated_parts_are_what_the_code_says(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert generator().rendered(text) == text, "run: python docs/reference.py"


def test_every_verb_and_option_stands_on_the_page_of_the_command_line() -> None:
    text = text_of("cli.md")
    for words, command in generator().cli_commands():
        assert words == "tidegate" or f"## {words}\n" in text
        for option in (each for each in command.params if each.param_type_name == "option"):
            assert f"`{option.opts[0]}`" in text, f"{words} {option.opts[0]}"


def test_a_bound_that_an_option_does_not_have_is_not_written() -> None:
    assert not re.findall(r"None to|to None", text_of("cli.md"))


def test_every_route_stands_on_the_page_of_the_api() -> None:
    text = text_of("http-api.md")
    routes = generator().routes()
    assert len(routes) > 30
    for method, path, scope, _, _ in routes:
        assert f"| `{method} {path}` | {scope} |" in text
    assert "| `POST /v1/traces` | `ingest` |" in text


@pytest.mark.parametrize("error", generator().error_classes(), ids=lambda error: str(error.code))
def test_every_error_code_stands_on_its_page_with_its_status_and_exit_code(error: type[Any]) -> None:
    answer = answer_for(error.__new__(error))
    row = f'| <a id="{error.code}"></a>`{error.code}` | {answer.status} | {answer.exit_code} | '
    assert row in text_of("errors.md")


def test_the_page_of_errors_names_no_code_that_does_not_exist() -> None:
    known = {error.code for error in generator().error_classes()} | set(HTTP_CODES)
    assert set(re.findall(r'<a id="(\w+)"', text_of("errors.md"))) == known


def test_every_environment_variable_that_is_read_stands_among_the_settings() -> None:
    text = text_of("settings.md")
    sources = [*(ROOT / "src").rglob("*.py"), *(ROOT / "examples").rglob("*.py")]
    found = {name for file in sources for name in VARIABLE.findall(file.read_text(encoding="utf-8"))}
    assert {"TIDEGATE_TOKEN", "TIDEGATE_URL", "TIDEGATE_DATA_DIR", "XDG_DATA_HOME"} <= found
    set_by_us = {"TZ", "NO_PROXY", "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_HEADERS"}
    assert {name for name in found - set_by_us if f"`{name}`" not in text} == set()


def test_what_is_said_not_to_be_read_is_not_read() -> None:
    unread = text_of("settings.md").partition("## Not read yet")[2].partition("\n## ")[0]
    names = set(re.findall(r"`(TIDEGATE_[A-Z_]+)`", unread))
    code = "\n".join(file.read_text(encoding="utf-8") for file in (ROOT / "src").rglob("*.py"))
    assert names & set(VARIABLE.findall(code)) == set()


def test_every_rule_and_its_runbook_are_documented() -> None:
    text = text_of("alert-rules.md")
    for rule in load_rules():
        assert f"[`{rule.code}`]" in text


def test_every_metric_stands_on_its_page_and_no_other() -> None:
    from tidegate.signals.exposition import exposition_of
    from tidegate.signals.model import Family, Totals, figures_of
    from tidegate.signals.service import SPLITS, RetainedFamily

    shown = [
        RetainedFamily(
            family,
            figures_of(family, Totals(count=1, priced_count=1)),
            {dimension: {"one": 1} for _, dimension in SPLITS[family]},
        )
        for family in Family
    ]
    exposed = set(re.findall(r"^(tidegate_\w+)[ {]", exposition_of(shown).decode(), re.MULTILINE))
    assert set(re.findall(r"`(tidegate_\w+_total)`", text_of("metrics.md"))) == exposed


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for link in LINK.findall(re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)):
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), f"{link} leads nowhere"
        if anchor and target.suffix == ".md":
            assert anchor in anchors_of(target.read_text(encoding="utf-8")), f"{link} names no heading"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_is_named_exists(page: Path) -> None:
    for file, name in TEST_ID.findall(page.read_text(encoding="utf-8")):
        assert re.search(rf"^\s*(async )?def {name}\(", (ROOT / file).read_text(encoding="utf-8"), re.MULTILINE), name


def test_every_page_is_reached_from_the_readme_or_an_index() -> None:
    linked: set[Path] = set()
    for index in (ROOT / "README.md", DOCS / "decisions" / "README.md"):
        for link in LINK.findall(index.read_text(encoding="utf-8")):
            linked.add((index.parent / link.partition("#")[0]).resolve())
    pages = {page.resolve() for page in DOCS.rglob("*.md")}
    assert {str(page.relative_to(ROOT)) for page in pages - linked} == set()
