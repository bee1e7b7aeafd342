"""From the text of a rule file to rules: strict, everything that is wrong named with its line, half a file never."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError
from pydantic.alias_generators import to_camel

from tidegate.alerts.model import Rule
from tidegate.alerts.rule_sets.entries import Refusal, own_rule, shipped_rule
from tidegate.alerts.rule_sets.errors import Problem, RuleFileInvalidError
from tidegate.alerts.rule_sets.files import MAX_FILE_BYTES, PromFile, RuleEntryFile, RuleFile
from tidegate.alerts.rule_sets.lines import Lines
from tidegate.alerts.rules import BUILT_IN_RULES
from tidegate.edge.documents import DocumentUnreadableError, load_document
from tidegate.kernel import canonical_json

__all__ = ["ReadRules", "body_of", "read_rule_file", "rules_in"]

SHIPPED: Final[Mapping[str, Rule]] = {rule.code: rule for rule in BUILT_IN_RULES}
_Path = tuple[int | str, ...]
_UNION_PARTS: Final = frozenset({"str", "PatternFile"})


@dataclass(frozen=True, slots=True)
class ReadRules:
    """A file that was read, and nothing wrong found in it."""

    name: str
    rules: tuple[Rule, ...]
    body: bytes
    """Canonical JSON of the file."""
    lines: Mapping[str, int]
    """By code, where a rule begins."""


def read_rule_file(text: bytes) -> ReadRules:
    """Return the rules in `text`, which is YAML or JSON.

    Raises:
        RuleFileInvalidError: something in it is wrong; all of it is named.
    """
    try:
        document = load_document(text, limit_bytes=MAX_FILE_BYTES)
    except DocumentUnreadableError as error:
        raise RuleFileInvalidError([Problem(_line_in(str(error)), "body", str(error))]) from error
    try:
        file = RuleFile.model_validate(document)
    except ValidationError as error:
        lines = Lines(text)
        raise RuleFileInvalidError([_problem(lines, *one) for one in _wrong_shapes(error)]) from error
    found, problems = _rules_of(file)
    lines = Lines(text)
    if problems:
        raise RuleFileInvalidError([_problem(lines, path, message) for path, message in problems])
    places = {rule.code: lines.of(("rules", number)) for number, rule in enumerate(found)}
    return ReadRules(file.metadata.name, tuple(found), body_of(file), places)


def rules_in(body: bytes) -> tuple[tuple[Rule, ...], list[str]]:
    """Return the rules of a stored file, and what is wrong with those that do not count any more.

    A rule that was fine when it was set may name a runbook or a figure that is gone by now.
    """
    found, problems = _rules_of(RuleFile.model_validate(json.loads(body)))
    return tuple(found), [f"{'.'.join(map(str, path))}: {message}" for path, message in problems]


def body_of(file: RuleFile) -> bytes:
    return canonical_json(file.model_dump(mode="json", by_alias=True, exclude_none=True))


def _rules_of(file: RuleFile) -> tuple[list[Rule], list[tuple[_Path, str]]]:
    found: list[Rule] = []
    problems: list[tuple[_Path, str]] = []
    seen: set[str] = set()
    for number, entry in enumerate(file.rules):
        if entry.code in seen:
            problems.append((("rules", number, "code"), f"{entry.code} stands twice in this file."))
            continue
        seen.add(entry.code)
        try:
            found.append(_rule_of(entry, file.plans))
        except Refusal as refusal:
            problems += [(("rules", number, *path), message) for path, message in refusal.reasons]
    return found, problems


def _rule_of(entry: RuleEntryFile, plans: Mapping[str, list[str]]) -> Rule:
    shipped = SHIPPED.get(entry.code)
    return own_rule(entry, plans) if shipped is None else shipped_rule(entry, shipped, plans)


def _wrong_shapes(error: ValidationError) -> Iterator[tuple[_Path, str]]:
    seen: set[tuple[_Path, str]] = set()
    for one in error.errors(include_url=False, include_context=False, include_input=False):
        path = tuple(part for part in one["loc"] if part not in _UNION_PARTS and not str(part).startswith("list["))
        message = one["msg"]
        if one["type"] == "extra_forbidden":
            message = f"there is no such field. Allowed here: {', '.join(_fields_around(path))}."
        if (path, message) not in seen:
            seen.add((path, message))
            yield path, message


def _fields_around(path: _Path) -> list[str]:
    if len(path) > 3 and path[2] == "prom":
        return list(PromFile.model_fields)
    models: dict[int, Any] = {1: RuleFile, 2: RuleFile.model_fields["metadata"].annotation, 3: RuleEntryFile}
    model = models.get(len(path), RuleEntryFile)
    return [field.alias or to_camel(name) for name, field in model.model_fields.items()]


def _problem(lines: Lines, path: _Path, message: str) -> Problem:
    return Problem(lines.of(path), ".".join(map(str, path)) or "body", message)


def _line_in(message: str) -> int:
    _, found, rest = message.rpartition("line ")
    number = rest.partition(",")[0]
    return int(number) if found and number.isdigit() else 1
