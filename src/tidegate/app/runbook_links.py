"""Links to runbooks, from rules and from the pages themselves: which lead nowhere.

What a file is shows in it: Markdown by its name, Prometheus rules by `groups`, rules of tidegate by everything else.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from tidegate.alerts.rule_sets.errors import RuleFileInvalidError
from tidegate.alerts.rule_sets.reading import read_rule_file
from tidegate.edge.documents import Document, DocumentUnreadableError, load_documents
from tidegate.egress import EgressClient, EgressFailedError, EgressRefusedError
from tidegate.runbooks import Folder, PageUnreadableError, Verdict, Where, find_runbook

__all__ = ["Found", "InputUnreadableError", "Looked", "ask_elsewhere", "look_at"]

_MAX_RULES_BYTES: Final = 4 << 20  # 20 KB of rules are read in 23 ms (benchmarks/promql.py)
_AT_ONCE: Final = 8
_GONE: Final = frozenset({404, 410})


class InputUnreadableError(ValueError):
    """A file is no page and no rule file; the message is a sentence."""


@dataclass(frozen=True, slots=True)
class Found:
    """One link, and what is known of it."""

    file: str
    line: int
    rule: str | None
    """Whose runbook it is; `None` for a link within a page."""
    target: str
    where: Where

    def as_wire(self) -> dict[str, Any]:
        return {
            "file": self.file,
            "line": self.line,
            "rule": self.rule,
            "target": self.target,
            "reason": self.where.reason,
        }


@dataclass
class Looked:
    """All links of some files."""

    links: list[Found] = field(default_factory=list)
    page_count: int = 0
    rule_count: int = 0

    def of(self, verdict: str) -> list[Found]:
        return [one for one in self.links if one.where.verdict == verdict]


def look_at(paths: Sequence[Path], *, pages: Path | None, site: str | None) -> Looked:
    """Return the links of pages, folders of pages and rule files, each with what the disk says of it.

    Raises:
        InputUnreadableError: a file is none of these.
    """
    looked = Looked()
    library = Folder(pages or next((path for path in paths if path.is_dir()), Path()), site=site)
    for path in paths:
        if path.is_dir():
            folder = library if path == library.root else Folder(path, site=site)
            for page in folder.pages():
                _look_at_page(looked, folder, page)
        elif path.suffix == ".md":
            _look_at_page(looked, library, path)
        else:
            for name, line, target in _runbooks_in(path, looked):
                looked.links.append(Found(str(path), line, name, target, _where(library, target)))
    return looked


async def ask_elsewhere(looked: Looked, client: EgressClient) -> None:
    """Ask each address of another host once, and put what it said in the place of "elsewhere"."""
    asked = asyncio.Semaphore(_AT_ONCE)
    targets = sorted({one.target.partition("#")[0] for one in looked.of(Verdict.ELSEWHERE)})

    async def ask(target: str) -> Where:
        async with asked:
            return await _answered(client, target)

    said = dict(zip(targets, await asyncio.gather(*map(ask, targets)), strict=True))
    looked.links = [
        Found(one.file, one.line, one.rule, one.target, said.get(one.target.partition("#")[0], one.where))
        if one.where.verdict == Verdict.ELSEWHERE
        else one
        for one in looked.links
    ]


async def _answered(client: EgressClient, target: str) -> Where:
    try:
        status = (await client.call("GET", target)).status
    except (EgressRefusedError, EgressFailedError) as error:
        return Where(Verdict.UNKNOWN, error.message)
    if status in _GONE:
        return Where(Verdict.DEAD, f"its host answers {status}")
    if status < 300:
        return Where(Verdict.ALIVE)
    return Where(Verdict.UNKNOWN, f"its host answers {status}: whether the page is there is not known")


def _look_at_page(looked: Looked, folder: Folder, page: Path) -> None:
    looked.page_count += 1
    try:
        links = folder.links_of(page)
    except PageUnreadableError as error:
        raise InputUnreadableError(f"{page} {error}") from error
    for link in links:
        looked.links.append(Found(str(page), link.line, None, link.target, folder.judge(link.target, page=page)))


def _where(library: Folder, target: str) -> Where:
    return Where(Verdict.ALIVE) if find_runbook(target) is not None else library.judge(target)


def _runbooks_in(path: Path, looked: Looked) -> Iterator[tuple[str | None, int, str]]:
    """Yield the runbooks of a rule file, with their rules and lines."""
    try:
        text = path.read_bytes()
        documents = load_documents(text, limit_bytes=_MAX_RULES_BYTES, limit_count=1_000)
    except (DocumentUnreadableError, OSError) as error:
        raise InputUnreadableError(f"{path}: {error}") from error
    for document in documents:
        groups, place = _groups_of(document)
        if groups is None:
            yield from _own_runbooks(path, text, looked)
            return
        yield from _foreign_runbooks(document, groups, place, looked)


def _groups_of(document: Document) -> tuple[Sequence[Any] | None, tuple[str, ...]]:
    """Return the groups of a Prometheus rule file, also as Kubernetes wraps it, and their place."""
    value, place = document.value, tuple[str, ...]()
    if isinstance(value, Mapping) and isinstance(value.get("spec"), Mapping):
        value, place = value["spec"], ("spec",)
    groups = value.get("groups") if isinstance(value, Mapping) else None
    return (groups, (*place, "groups")) if isinstance(groups, list) else (None, ())


def _foreign_runbooks(
    document: Document, groups: Sequence[Any], place: tuple[str, ...], looked: Looked
) -> Iterator[tuple[str | None, int, str]]:
    for number, group in enumerate(groups):
        rules = group.get("rules") if isinstance(group, Mapping) else None
        for position, rule in enumerate(rules if isinstance(rules, list) else []):
            if not isinstance(rule, Mapping) or "alert" not in rule:
                continue
            looked.rule_count += 1
            annotations = rule.get("annotations")
            named = annotations.get("runbook_url") if isinstance(annotations, Mapping) else None
            if named is not None:
                line = document.line_of((*place, number, "rules", position, "annotations", "runbook_url"))
                yield str(rule["alert"]), line, str(named)


def _own_runbooks(path: Path, text: bytes, looked: Looked) -> Iterator[tuple[str | None, int, str]]:
    try:
        read = read_rule_file(text)
    except RuleFileInvalidError as error:
        other = Counter(one.field.endswith(".runbook") for one in error.problems)
        if not other[True]:
            raise InputUnreadableError(
                f"{path} is no valid rule file, so its runbooks are not known: see `tidegate rule check {path}`."
            ) from error
        for one in error.problems:
            if one.field.endswith(".runbook"):
                looked.rule_count += 1
                looked.links.append(Found(str(path), one.line, one.field, "", Where(Verdict.DEAD, one.message)))
        return
    looked.rule_count += len(read.rules)
    for rule in read.rules:
        yield rule.code, read.lines[rule.code], rule.runbook
