"""Prometheus's rule files: what stands in them, and which of it is within the subset."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tidegate.kernel.errors import TidegateError
from tidegate.promql.documents import Node, items, mapping, milliseconds, read_documents, text, texts
from tidegate.promql.errors import NotSupportedError, RuleFileError
from tidegate.promql.expressions import Expression
from tidegate.promql.parsing import parse_expression
from tidegate.promql.templates import Template, parse_template

__all__ = ["Group", "Refusal", "Rule", "RuleFile", "read_rule_file", "rules_of"]

_GROUP_KEYS: Final = frozenset({"name", "interval", "limit", "query_offset", "labels", "rules"})
_RULE_KEYS: Final = frozenset({"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"})
_METRIC: Final = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_LABEL: Final = re.compile(r"[a-zA-Z_][a-zA-Z0-9_]*")
_MOST_RULES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Rule:
    name: str
    """Of the metric that it records, or of its alert."""
    is_alert: bool
    expression: Expression
    source: str
    """The expression as it was written."""
    labels: Mapping[str, Template]
    annotations: Mapping[str, Template]
    for_ms: int = 0
    keep_firing_for_ms: int = 0


@dataclass(frozen=True, slots=True)
class Group:
    name: str
    rules: tuple[Rule, ...]
    interval_ms: int = 0
    """0: the interval of whoever evaluates it."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """One rule that is not taken, and why."""

    group: str
    rule: str
    position: int
    """Of the rule in its group, from 1."""
    error: TidegateError


@dataclass(frozen=True, slots=True)
class RuleFile:
    groups: tuple[Group, ...]
    """With the rules that are within the subset."""
    refusals: tuple[Refusal, ...] = ()


def read_rule_file(content: bytes) -> RuleFile:
    """Read a rule file; a rule that is not taken leaves the others alone.

    Raises:
        RuleFileError: the file as a whole is no rule file.
    """
    documents = read_documents(content)
    if len(documents) > 1:
        raise RuleFileError("A rule file is one YAML document.")
    return rules_of(documents[0] if documents else {})


def rules_of(document: Node) -> RuleFile:
    """Read a rule file that has been taken out of its YAML."""
    groups, refusals = [], []
    seen: set[str] = set()
    count = 0
    for place, node in enumerate(items(mapping(document, {"groups"}, "file").get("groups"), "groups")):
        group = mapping(node, _GROUP_KEYS, f"groups.{place}")
        name = text(group.get("name"), f"groups.{place}.name")
        if not name or name in seen:
            raise RuleFileError(f"The group {name!r} has no name or stands twice.", field=f"groups.{place}.name")
        seen.add(name)
        rules = []
        nodes = items(group.get("rules"), f"groups.{place}.rules")
        count += len(nodes)
        if count > _MOST_RULES:
            raise RuleFileError(f"The file has more than {_MOST_RULES} rules.")
        shared = texts(group.get("labels"), f"groups.{place}.labels")
        for position, rule in enumerate(nodes, 1):
            try:
                _check_group(group, name)
                rules.append(_rule(rule, shared, f"groups.{place}.rules.{position - 1}"))
            except TidegateError as error:
                refusals.append(Refusal(name, _name_of(rule), position, error))
        interval = milliseconds(group.get("interval"), f"groups.{place}.interval")
        groups.append(Group(name, tuple(rules), interval))
    return RuleFile(tuple(groups), tuple(refusals))


def _name_of(node: Node) -> str:
    found = (node.get("alert") or node.get("record")) if isinstance(node, Mapping) else None
    return found if isinstance(found, str) else "(no name)"


def _rule(node: Node, shared: Mapping[str, str], field: str) -> Rule:
    rule = mapping(node, _RULE_KEYS, field)
    alert, record = text(rule.get("alert"), field, default=""), text(rule.get("record"), field, default="")
    if bool(alert) == bool(record):
        raise RuleFileError(f"{field} needs either `alert` or `record`.", field=field)
    source = text(rule.get("expr"), f"{field}.expr")
    labels = {**shared, **texts(rule.get("labels"), f"{field}.labels")}
    for label in labels:
        if not _LABEL.fullmatch(label) or label == "__name__":
            raise RuleFileError(f"{label!r} can be no label.", field=f"{field}.labels")
    if record:
        _check_record(rule, record, field)
    return Rule(
        name=alert or record,
        is_alert=bool(alert),
        expression=parse_expression(source),
        source=source.strip(),
        labels=dict(sorted(_templates(labels, is_template=bool(alert)))),
        annotations=dict(sorted(_templates(texts(rule.get("annotations"), f"{field}.annotations"), is_template=True))),
        for_ms=milliseconds(rule.get("for"), f"{field}.for"),
        keep_firing_for_ms=milliseconds(rule.get("keep_firing_for"), f"{field}.keep_firing_for"),
    )


def _templates(given: Mapping[str, str], *, is_template: bool) -> Iterator[tuple[str, Template]]:
    for name, written in given.items():
        yield name, parse_template(written) if is_template else Template(written, (written,))


def _check_record(rule: Mapping[str, Node], record: str, field: str) -> None:
    if not _METRIC.fullmatch(record):
        raise RuleFileError(f"{record!r} can be no metric's name.", field=f"{field}.record")
    for key in ("for", "keep_firing_for", "annotations"):
        if rule.get(key):
            raise RuleFileError(f"A recording rule has no `{key}`.", field=f"{field}.{key}")


def _check_group(group: Mapping[str, Node], name: str) -> None:
    """Refuse what a group may ask for and would not get."""
    if group.get("limit", "0") != "0":
        raise NotSupportedError("limit", where=f"group {name}", why="a rule that finds too much would lose all of it")
    if group.get("query_offset", "0s") not in {"0s", "0"}:
        raise NotSupportedError("query_offset", where=f"group {name}", why="write `offset` in its expressions")
