"""The part of Go's templates that alerts are written in: `{{ $labels.job }}`, `{{ $value | humanize }}`, `printf`.

What is outside (`if`, `range`, `query`, variables of one's own) is refused by name when the rule is read; nothing is
dropped. The text is inert: a value is put in as it is and never read as a template.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

from tidegate.promql.errors import NotSupportedError, RuleFileError
from tidegate.promql.numbers import go_text
from tidegate.promql.series import METRIC_NAME, Labels
from tidegate.promql.template_functions import TEMPLATE_FUNCTIONS, TemplateValue

__all__ = ["Moment", "Template", "parse_template"]

_LONGEST: Final = 16_384
_MOST_ACTIONS: Final = 200  # each one that is never closed is looked for up to the end
_ACTION: Final = re.compile(r"\{\{(-\s)?(.*?)(\s-)?\}\}", re.DOTALL)
_WORD: Final = re.compile(
    r"""\s*(?:(?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`)|(?P<number>[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]+)?)"""
    r"""|(?P<path>(?:\$\w*)?(?:\.\w+)+|\$\w+|\.)|(?P<name>[A-Za-z_]\w*)|(?P<sign>[|()]|:=|=|,))"""
)
_VARIABLES: Final = {"$labels": "Labels", "$value": "Value", "$externalLabels": "ExternalLabels",
                     "$externalURL": "ExternalURL"}  # fmt: skip
_COMMENT: Final = re.compile(r"\s*/\*.*\*/\s*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Moment:
    """What a template is expanded with."""

    labels: Labels
    value: float
    external_labels: Mapping[str, str] = field(default_factory=dict)
    external_url: str = ""


@dataclass(frozen=True, slots=True)
class _Field:
    """`.Labels.job`: the variable, and the label if one is named."""

    variable: str
    label: str | None = None


@dataclass(frozen=True, slots=True)
class _Applied:
    function: str
    arguments: tuple["_Term", ...]


_Term: TypeAlias = _Field | _Applied | str | float | int


@dataclass(frozen=True, slots=True)
class Template:
    source: str
    parts: tuple[str | _Field | _Applied, ...]

    @property
    def reads_value(self) -> bool:
        """Whether the text depends on the number, not on the labels alone."""
        return any(_reads_value(part) for part in self.parts if not isinstance(part, str))

    def expand(self, moment: Moment) -> str:
        """Return the text at `moment`; an error while expanding is part of it, as in Prometheus."""
        try:
            return "".join(part if isinstance(part, str) else _printed(_evaluate(part, moment)) for part in self.parts)
        except (ValueError, TypeError, OverflowError) as error:
            return f"<error expanding template: {error}>"


def parse_template(text: str) -> Template:
    """Read `text`.

    Raises:
        NotSupportedError: it uses something outside the subset; the first such thing is named.
        RuleFileError: it is no template.
    """
    if len(text) > _LONGEST:
        raise RuleFileError(f"The template has {len(text)} characters; {_LONGEST} are the most.")
    if text.count("{{") > _MOST_ACTIONS:
        raise RuleFileError(f"The template has more than {_MOST_ACTIONS} pairs of {{{{ }}}}.")
    parts: list[str | _Field | _Applied] = []
    at, trims = 0, False
    for found in _ACTION.finditer(text):
        literal = text[at : found.start()]
        literal = literal.lstrip() if trims else literal
        parts.append(literal.rstrip() if found[1] else literal)
        at, trims = found.end(), bool(found[3])
        if _COMMENT.fullmatch(found[2]) is None:
            parts.append(_Action(text, found.start(2), found[2]).read())
    rest = text[at:]
    if "{{" in rest:
        raise RuleFileError(f"A template opens with {{{{ and is never closed: {rest[:60]!r}.")
    parts.append(rest.lstrip() if trims else rest)
    return Template(text, tuple(part for part in parts if part != ""))


class _Action:
    """Reads what stands between `{{` and `}}`."""

    def __init__(self, whole: str, start: int, inside: str) -> None:
        self._whole = whole
        self._inside = inside
        self._tokens: list[tuple[str, str, int]] = []
        at = 0
        while inside[at:].strip():
            found = _WORD.match(inside, at)
            if found is None or found.lastgroup is None:
                raise self._refusal(inside[at:].strip()[:20], start + at)
            kind = found.lastgroup
            self._tokens.append((kind, found[kind], start + found.start(kind)))
            at = found.end()
        self._next = 0

    def read(self) -> _Field | _Applied:
        if not self._tokens:
            raise RuleFileError("A template has an empty {{ }}.")
        found = self._pipeline()
        if self._next < len(self._tokens):
            _, word, at = self._tokens[self._next]
            raise self._refusal(word, at)
        return found if isinstance(found, _Field | _Applied) else _Applied("print", (found,))

    def _refusal(self, what: str, at: int) -> NotSupportedError:
        line = self._whole[:at].count("\n") + 1
        column = at - self._whole[:at].rfind("\n")
        why = "templates read labels and the value, and format them; docs/reference/promql.md lists the functions"
        return NotSupportedError(what, where=f"line {line}, column {column} of the template", why=why)

    def _peek(self) -> str:
        return self._tokens[self._next][1] if self._next < len(self._tokens) else ""

    def _pipeline(self) -> _Term:
        found = self._command(None)
        while self._peek() == "|":
            self._next += 1
            found = self._command(found)
        return found

    def _command(self, piped: _Term | None) -> _Term:
        if self._next >= len(self._tokens):
            raise RuleFileError(f"A template ends too early: {self._inside.strip()!r}.")
        kind, word, at = self._tokens[self._next]
        if kind != "name" or word in {"true", "false", "nil"}:
            if piped is not None:
                raise RuleFileError(f"A template pipes into {word!r}, which is no function.")
            return self._term()
        if word not in TEMPLATE_FUNCTIONS:
            raise self._refusal(word, at)
        self._next += 1
        arguments = []
        while self._peek() not in {"", "|", ")"}:
            arguments.append(self._term())
        given = (*arguments, *(() if piped is None else (piped,)))
        least, most, _ = TEMPLATE_FUNCTIONS[word]
        if not least <= len(given) <= most:
            raise RuleFileError(f"A template calls {word} with {len(given)} values; it takes {least}.")
        return _Applied(word, given)

    def _term(self) -> _Term:
        kind, word, at = self._tokens[self._next]
        self._next += 1
        if kind == "text":
            return word[1:-1] if word[0] == "`" else _unquoted(word)
        if kind == "number":
            return float(word) if re.search(r"[.eE]", word) else int(word)
        if kind == "path":
            return self._field(word, at)
        if word == "(":
            found = self._pipeline()
            if self._peek() != ")":
                raise RuleFileError(f"A template opens a bracket that nothing closes: {self._inside.strip()!r}.")
            self._next += 1
            return found
        raise self._refusal(word, at)

    def _field(self, word: str, at: int) -> _Field:
        names = word.split(".")
        if names[0]:
            variable = _VARIABLES.get(names[0], "")
            names = [variable, *names[1:]] if variable else []
        else:
            names = names[1:]
        if not names or names[0] not in _VARIABLES.values() or len(names) > 2:
            raise self._refusal(word, at)
        is_map = names[0].endswith("Labels")
        if is_map != (len(names) == 2):
            raise self._refusal(word, at)
        return _Field(names[0], names[1] if is_map else None)


def _unquoted(word: str) -> str:
    escapes = {"n": "\n", "t": "\t", "r": "\r", "\\": "\\", '"': '"'}
    return re.sub(r"\\(.)", lambda found: escapes.get(found[1], found[0]), word[1:-1], flags=re.DOTALL)


def _reads_value(term: _Term) -> bool:
    if isinstance(term, _Applied):
        return any(_reads_value(argument) for argument in term.arguments)
    return isinstance(term, _Field) and term.variable == "Value"


def _evaluate(term: _Term, moment: Moment) -> TemplateValue:
    if isinstance(term, _Applied):
        found: TemplateValue = TEMPLATE_FUNCTIONS[term.function][2](*_values(term.arguments, moment))
        return found
    if not isinstance(term, _Field):
        return term
    match term.variable:
        case "Value":
            return moment.value
        case "ExternalURL":
            return moment.external_url
        case "ExternalLabels":
            return moment.external_labels.get(term.label or "", "")
        case _:
            return dict(moment.labels).get(term.label or METRIC_NAME, "")


def _values(arguments: Sequence[_Term], moment: Moment) -> list[TemplateValue]:
    return [_evaluate(argument, moment) for argument in arguments]


def _printed(value: TemplateValue) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return go_text(value) if isinstance(value, float) else str(value)
