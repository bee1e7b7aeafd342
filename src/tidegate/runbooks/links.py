"""Links in pages that people write: where each one stands, and which lead nowhere. Reads files, calls nobody.

A page is Markdown. A link to another file is looked up on the disk, next to the page or from the top of its folder; an
address under which the folder is published (`site`) is looked up in the folder as well, in whatever case it is written,
as generators of sites write all paths in lower case. Other addresses are judged by their form alone.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final
from urllib.parse import SplitResult, unquote, urlsplit

from markdown_it import MarkdownIt
from markdown_it.token import Token

__all__ = ["MAX_PAGE_BYTES", "Folder", "Link", "PageUnreadableError", "Verdict", "Where"]

MAX_PAGE_BYTES: Final = 1 << 20  # the longest of 108 real pages has 6 KB
_SCHEMES: Final = frozenset({"http", "https"})
_LETTERS: Final = frozenset({"mailto", "tel"})
_HOST: Final = re.compile(r"[a-z0-9_](?:[a-z0-9._-]*[a-z0-9_])?\.?|[0-9a-f:.]+", re.IGNORECASE)
_SHORTCODE: Final = re.compile(r"\{\{([<%])\s*(?:rel)?ref\s+\"([^\"\n]+)\"\s*[>%]\}\}")
_HTML_LINK: Final = re.compile(r"<a\s[^>]*?href\s*=\s*[\"']([^\"']*)[\"']", re.IGNORECASE)
_HTML_ANCHOR: Final = re.compile(r"<[a-z][a-z0-9]*\s[^>]*?\b(?:id|name)\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
_OWN_ANCHOR: Final = re.compile(r"\s*\{#([^}\s]+)\}\s*$")
_NOT_IN_ANCHORS: Final = re.compile(r"[^\w\- ]")


class PageUnreadableError(ValueError):
    """A page is too large or no text; the message is a sentence without its name."""


class Verdict:
    """What is known of a link."""

    ALIVE: Final = "alive"
    DEAD: Final = "dead"
    ELSEWHERE: Final = "elsewhere"
    """An address of another host, well formed; whether anything answers there is not known."""
    UNKNOWN: Final = "unknown"


@dataclass(frozen=True, slots=True)
class Link:
    target: str
    line: int


@dataclass(frozen=True, slots=True)
class Where:
    """Where a link leads, and why not."""

    verdict: str
    reason: str = ""


_ALIVE: Final = Where(Verdict.ALIVE)


@dataclass(frozen=True, slots=True)
class _Page:
    links: tuple[Link, ...]
    anchors: frozenset[str]


@dataclass
class Folder:
    """Pages below one folder, and the address that they are published under."""

    root: Path
    site: str | None = None
    """With a slash at its end."""
    _read: dict[Path, _Page] = field(default_factory=dict)
    _published: dict[str, Path] | None = None

    def pages(self) -> list[Path]:
        return sorted(path for path in self.root.rglob("*.md") if path.is_file())

    def links_of(self, page: Path) -> Sequence[Link]:
        """Return the links of a page in their order.

        Raises:
            PageUnreadableError: it is too large or no text.
        """
        return self._page(page).links

    def judge(self, target: str, *, page: Path | None = None) -> Where:
        """Return where `target` leads; without a `page` that it stands in it has to be a whole address."""
        if "{{" in target:
            return Where(Verdict.UNKNOWN, "it is a template: where it leads is known only once it is filled in")
        try:
            parts = urlsplit(target)
            _ = parts.port
        except ValueError:
            return Where(Verdict.DEAD, "it is no address")
        if parts.scheme or parts.netloc:
            return self._of_address(target, parts)
        if page is None:
            return Where(Verdict.DEAD, "it is neither an address nor a page that ships")
        return self._of_path(unquote(parts.path), unquote(parts.fragment), page)

    def _of_address(self, target: str, parts: SplitResult) -> Where:
        if parts.scheme.lower() in _LETTERS:
            return _ALIVE if parts.path else Where(Verdict.DEAD, "it names nobody")
        if parts.scheme.lower() not in _SCHEMES:
            return Where(Verdict.DEAD, "its scheme is none that a page leads to: write https")
        if not _HOST.fullmatch(parts.hostname or "") or any(letter <= " " for letter in target):
            return Where(Verdict.DEAD, "it is no address")
        if self.site is None or not f"{target.partition('#')[0]}/".casefold().startswith(self.site.casefold()):
            return Where(Verdict.ELSEWHERE)
        own = unquote(urlsplit(target[len(self.site) :].partition("#")[0]).path)
        found = self._by_address().get(_as_published(PurePosixPath(own)))
        if found is None:
            return Where(Verdict.DEAD, f"{self.root} has no such page")
        return self._of_anchor(found, unquote(parts.fragment))

    def _by_address(self) -> dict[str, Path]:
        if self._published is None:
            self._published = {_as_published(PurePosixPath(page.relative_to(self.root))): page for page in self.pages()}
        return self._published

    def _of_path(self, path: str, anchor: str, page: Path) -> Where:
        if not path:
            return self._of_anchor(page, anchor)
        if "\0" in path:
            return Where(Verdict.DEAD, "it is no path")
        start = self.root / path.lstrip("/") if path.startswith("/") else page.parent / path
        try:
            for found in (start, Path(f"{start}.md"), start / "index.md", start / "_index.md"):
                if found.is_file():
                    return self._of_anchor(found, anchor) if found.suffix == ".md" else _ALIVE
            is_folder = start.is_dir()
        except OSError:  # a name that is too long for the disk
            is_folder = False
        return _ALIVE if is_folder else Where(Verdict.DEAD, "there is no such file")

    def _of_anchor(self, page: Path, anchor: str) -> Where:
        if not anchor:
            return _ALIVE
        try:
            known = self._page(page).anchors
        except PageUnreadableError as error:
            return Where(Verdict.UNKNOWN, f"{page.name} {error}")
        return _ALIVE if anchor in known else Where(Verdict.DEAD, f"{page.name} has no heading #{anchor}")

    def _page(self, path: Path) -> _Page:
        if path not in self._read:
            self._read[path] = _parsed(_text_of(path))
        return self._read[path]


def _text_of(path: Path) -> str:
    try:
        content = path.read_bytes()
        if len(content) > MAX_PAGE_BYTES:
            raise PageUnreadableError(f"is larger than {MAX_PAGE_BYTES >> 10} KB.")
        return content.decode()
    except UnicodeDecodeError as error:
        raise PageUnreadableError("is not UTF-8.") from error
    except OSError as error:
        raise PageUnreadableError(f"cannot be read: {error.strerror}.") from error


def _as_published(path: PurePosixPath) -> str:
    """Return what is one for all addresses of a page: with and without its suffix, in whatever case."""
    plain = path.with_suffix("") if path.suffix in {".md", ".html"} else path
    parts = plain.parts[:-1] if plain.name in {"index", "_index"} else plain.parts
    return "/".join(part for part in parts if part != "/").casefold()


def _parsed(text: str) -> _Page:
    parser = MarkdownIt("commonmark").enable("table")
    # As its manual replaces them: a link that is none is what is looked for, and each as it was written.
    parser.validateLink = _any  # type: ignore[method-assign]
    parser.normalizeLink = lambda url: url  # type: ignore[method-assign]
    # What Hugo puts in place of its shortcodes is a link like all others.
    tokens = parser.parse(_SHORTCODE.sub(lambda found: found[2], text))
    return _Page(tuple(_links_in(tokens)), frozenset(_anchors_in(tokens)))


def _any(url: str) -> bool:
    return isinstance(url, str)


def _links_in(tokens: Sequence[Token]) -> Iterator[Link]:
    for token in tokens:
        line = token.map[0] + 1 if token.map else 1
        if token.type == "html_block":
            yield from (Link(found, line) for found in _HTML_LINK.findall(token.content))
        for child in token.children or ():
            if child.type in {"softbreak", "hardbreak"}:
                line += 1
            elif child.type == "html_inline":
                yield from (Link(found, line) for found in _HTML_LINK.findall(child.content))
            elif child.type in {"link_open", "image"}:
                yield Link(str(child.attrGet("href" if child.type == "link_open" else "src") or ""), line)


def _anchors_in(tokens: Sequence[Token]) -> Iterator[str]:
    """Yield what a page can be entered at: its headings as forges and generators name them, and names of its own."""
    seen: dict[str, int] = {}
    for position, token in enumerate(tokens):
        inline = "".join(child.content for child in token.children or () if child.type == "html_inline")
        yield from _HTML_ANCHOR.findall(token.content if token.type == "html_block" else inline)
        if token.type != "heading_open":
            continue
        heading = tokens[position + 1]
        own = _OWN_ANCHOR.search(heading.content)
        if own is not None:
            yield own[1]
        words = "".join(child.content for child in heading.children or () if child.type in {"text", "code_inline"})
        name = _NOT_IN_ANCHORS.sub("", _OWN_ANCHOR.sub("", words).strip().lower()).replace(" ", "-")
        count = seen[name] = seen.get(name, -1) + 1
        yield f"{name}-{count}" if count else name
