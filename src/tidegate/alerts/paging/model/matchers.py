"""Matchers: what says which alerts are meant, in Alertmanager's words. Pure.

Regular expressions come from users and are matched against names from telemetry: RE2 alone reads them, in linear time.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

import re2

from tidegate.alerts.paging.errors import MatcherInvalidError

__all__ = ["MAX_MATCHERS", "Matcher", "Operator", "make_matcher", "matches", "may_meet", "parse_matcher"]

MAX_MATCHERS: Final = (
    32  # of one route, silence or side of an inhibition; Alertmanager files seen in public have up to 9
)
_MAX_VALUE: Final = 512
_MAX_MEMORY: Final = 1 << 20  # of one compiled expression; RE2's own default is eight times that
_TEXT: Final = re.compile(
    r'\s*([a-zA-Z_][a-zA-Z0-9_]{0,99})\s*(=~|!~|!=|=)\s*(?:"((?:[^"\\]|\\.)*)"|([^"]*?))\s*', re.DOTALL
)
_ESCAPES: Final = {"n": "\n", '"': '"', "\\": "\\"}


class Operator(StrEnum):
    """How a label is held against a value; a label that is not there counts as the empty text."""

    EQUAL = "="
    NOT_EQUAL = "!="
    MATCHES = "=~"
    MATCHES_NOT = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    name: str
    operator: Operator
    value: str

    def matches(self, labels: Mapping[str, str]) -> bool:
        return self.accepts(labels.get(self.name, ""))

    def accepts(self, text: str) -> bool:
        """Return whether a label with the value `text` fits."""
        if self.operator is Operator.EQUAL:
            return text == self.value
        if self.operator is Operator.NOT_EQUAL:
            return text != self.value
        found = _compiled(self.value).fullmatch(text) is not None
        return found is (self.operator is Operator.MATCHES)

    def __str__(self) -> str:
        escaped = self.value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
        return f'{self.name}{self.operator}"{escaped}"'


def matches(matchers: Iterable[Matcher], labels: Mapping[str, str]) -> bool:
    """Return whether all `matchers` fit; no matchers fit everything."""
    return all(matcher.matches(labels) for matcher in matchers)


def parse_matcher(text: str, *, field: str = "matchers") -> Matcher:
    """Read `severity="P1"`, `tenant=~"acme|blue"`; the quotes may be left out.

    Raises:
        MatcherInvalidError: it is something else, or an expression that RE2 does not read.
    """
    found = _TEXT.fullmatch(text)
    if found is None:
        raise MatcherInvalidError(f'{text[:80]!r} is no matcher: write for example severity="P1".', field=field)
    name, operator, quoted, bare = found.groups()
    value = bare if quoted is None else re.sub(r"\\(.)", lambda m: _ESCAPES.get(m[1], m[0]), quoted)
    return make_matcher(name, operator, value, field=field)


def make_matcher(name: str, operator: str, value: str, *, field: str = "matchers") -> Matcher:
    """Return a matcher, its expression read once.

    Raises:
        MatcherInvalidError: the value is too long, holds NUL, or is an expression that RE2 does not read.
    """
    if len(value) > _MAX_VALUE or "\0" in value:
        raise MatcherInvalidError(f"The value for {name} has at most {_MAX_VALUE} characters, and no NUL.", field=field)
    matcher = Matcher(name, Operator(operator), value)
    if matcher.operator in {Operator.MATCHES, Operator.MATCHES_NOT}:
        try:
            _compiled(value)
        except re2.error as error:
            raise MatcherInvalidError(
                f"{value[:80]!r} is no expression that is read here: {error}.", field=field
            ) from error
    return matcher


def may_meet(one: Iterable[Matcher], other: Iterable[Matcher]) -> bool:
    """Return whether some alert may fit both sides; expressions that cannot be decided count as if one could."""
    both = [*one, *other]
    for name in {matcher.name for matcher in both}:
        own = [matcher for matcher in both if matcher.name == name]
        fixed = {matcher.value for matcher in own if matcher.operator is Operator.EQUAL}
        if any(not matcher.accepts(value) for value in fixed for matcher in own):
            return False
    return True


@lru_cache(maxsize=4_096)
def _compiled(expression: str) -> Any:  # noqa: ANN401 - the library ships no types
    options = re2.Options()
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    options.dot_nl = True  # as Alertmanager's `(?s:…)`
    return re2.compile(expression, options)
