"""The pages that ship with the package, read once."""

from functools import cache
from importlib import resources

from tidegate.runbooks.errors import RunbookNotFoundError
from tidegate.runbooks.model import Runbook

_HEADING = "# "


def list_runbooks() -> tuple[Runbook, ...]:
    """Return all runbooks in the order of their slugs."""
    return tuple(_pages().values())


def find_runbook(slug: str) -> Runbook | None:
    return _pages().get(slug)


def get_runbook(slug: str) -> Runbook:
    """Return one runbook.

    Raises:
        RunbookNotFoundError: there is none under `slug`.
    """
    found = find_runbook(slug)
    if found is None:
        raise RunbookNotFoundError(slug)
    return found


@cache
def _pages() -> dict[str, Runbook]:
    folder = resources.files(__package__) / "texts"
    files = sorted((file for file in folder.iterdir() if file.name.endswith(".md")), key=lambda file: file.name)
    pages = [_page(file.name.removesuffix(".md"), file.read_text(encoding="utf-8")) for file in files]
    return {page.slug: page for page in pages}


def _page(slug: str, markdown: str) -> Runbook:
    first_line = markdown.partition("\n")[0]
    return Runbook(slug=slug, title=first_line.removeprefix(_HEADING).strip(), markdown=markdown)
