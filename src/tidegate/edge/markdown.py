"""Markdown of runbooks as HTML that cannot do anything: no raw HTML, no pictures, links only to known schemes."""

from collections.abc import Sequence
from functools import cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

__all__ = ["html_of_markdown"]

_ALLOWED_SCHEMES = frozenset({"", "http", "https"})
_LOWEST_HEADING = 6


def html_of_markdown(text: str, *, deepen: int = 0) -> Markup:
    """Return `text` as HTML without its first heading, which the page around it shows.

    The other headings keep their level, or sit `deepen` levels lower where the text is a part of a page.
    """
    parser = _parser()
    tokens = _without_title(parser.parse(text))
    for token in tokens:
        if token.type in {"heading_open", "heading_close"}:
            token.tag = f"h{min(int(token.tag[1]) + deepen, _LOWEST_HEADING)}"
    # Safe: raw HTML comes out escaped (html=False), and addresses are checked while parsing.
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704 - the reason stands above


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    parser.validateLink = _is_allowed  # type: ignore[method-assign] # how the library's manual replaces it
    return parser


def _is_allowed(url: str) -> bool:
    # Browsers drop these characters before they read the scheme: `java\tscript:` would run.
    if any(character <= " " or character == "\x7f" for character in url) or url.startswith(("//", "/\\", "\\")):
        return False
    try:
        return urlsplit(url).scheme.lower() in _ALLOWED_SCHEMES
    except ValueError:
        return False


def _without_title(tokens: Sequence[Token]) -> list[Token]:
    has_title = bool(tokens) and tokens[0].type == "heading_open" and tokens[0].tag == "h1"
    return list(tokens[3:] if has_title else tokens)  # open, text, close
