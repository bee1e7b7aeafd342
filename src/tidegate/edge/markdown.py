"""Markdown of runbooks as HTML that cannot do anything: no raw HTML, no pictures, links only to known schemes."""

from collections.abc import Sequence
from functools import cache
from urllib.parse import urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

__all__ = ["html_of_markdown"]

_ALLOWED_SCHEMES = frozenset({"http", "https"})
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
        elif token.type == "th_open":
            token.attrSet("scope", "col")
    # Safe: raw HTML comes out escaped (html=False), and addresses are checked while parsing.
    return Markup(parser.renderer.render(tokens, parser.options, {}))  # noqa: S704 - the reason stands above


@cache
def _parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False}).enable("table").disable("image")
    parser.validateLink = _is_allowed  # type: ignore[method-assign] # how the library's manual replaces it
    return parser


def _is_allowed(url: str) -> bool:
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    if parts.scheme:
        return parts.scheme in _ALLOWED_SCHEMES
    # What has no scheme of ours must not be read as having another one, nor as naming another server.
    return not parts.netloc and ":" not in parts.path


def _without_title(tokens: Sequence[Token]) -> list[Token]:
    has_title = bool(tokens) and tokens[0].type == "heading_open" and tokens[0].tag == "h1"
    return list(tokens[3:] if has_title else tokens)  # open, text, close
