"""The supported subset of PromQL as data, and how it is written down again."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from tidegate.promql.durations import duration_of
from tidegate.promql.numbers import number_text
from tidegate.promql.series import METRIC_NAME, Matcher, MatchOp, quoted

__all__ = [
    "AGGREGATIONS",
    "ARITHMETIC",
    "COMPARISONS",
    "SET_OPERATORS",
    "Aggregate",
    "Binary",
    "Call",
    "Expression",
    "Matching",
    "Negation",
    "NumberLiteral",
    "RangeSelector",
    "Selector",
    "Subquery",
    "TextLiteral",
    "selectors_of",
]

AGGREGATIONS: Final = frozenset({"sum", "avg", "min", "max", "count", "group"})
ARITHMETIC: Final = frozenset({"+", "-", "*", "/", "%", "^"})
COMPARISONS: Final = frozenset({"==", "!=", ">", "<", ">=", "<="})
SET_OPERATORS: Final = frozenset({"and", "or", "unless"})


@dataclass(frozen=True, slots=True)
class NumberLiteral:
    value: float

    def __str__(self) -> str:
        return number_text(self.value)


@dataclass(frozen=True, slots=True)
class TextLiteral:
    value: str

    def __str__(self) -> str:
        return quoted(self.value)


@dataclass(frozen=True, slots=True)
class Selector:
    """Series at a moment: each one's newest sample that is not older than the lookback."""

    matchers: tuple[Matcher, ...]
    """Of the labels; the metric's name is one of them (`__name__`)."""
    offset_ms: int = 0

    @property
    def name(self) -> str | None:
        """The metric that is named, or `None` when several could be meant."""
        named = [m.value for m in self.matchers if m.label == METRIC_NAME and m.op is MatchOp.EQUAL]
        return named[0] if named else None

    def __str__(self) -> str:
        return self.written("")

    def written(self, brackets: str) -> str:
        bare = self.name if self.name is not None and _is_metric_name(self.name) else ""
        rest = [m for m in self.matchers if not (bare and m == Matcher(METRIC_NAME, MatchOp.EQUAL, bare))]
        braces = "{" + ",".join(map(str, rest)) + "}" if rest or not bare else ""
        return f"{bare}{braces}{brackets}{_offset_text(self.offset_ms)}"


@dataclass(frozen=True, slots=True)
class RangeSelector:
    """Series over the time up to a moment."""

    selector: Selector
    range_ms: int

    def __str__(self) -> str:
        return self.selector.written(f"[{duration_of(self.range_ms)}]")


@dataclass(frozen=True, slots=True)
class Subquery:
    """An expression at every step of the time up to a moment."""

    inner: "Expression"
    range_ms: int
    step_ms: int | None
    """`None`: the interval at which rules are evaluated."""
    offset_ms: int = 0

    def __str__(self) -> str:
        step = "" if self.step_ms is None else duration_of(self.step_ms)
        inner = _grouped(self.inner)
        return f"{inner}[{duration_of(self.range_ms)}:{step}]{_offset_text(self.offset_ms)}"


@dataclass(frozen=True, slots=True)
class Call:
    function: str
    arguments: tuple["Expression", ...]

    def __str__(self) -> str:
        return f"{self.function}({', '.join(map(str, self.arguments))})"


@dataclass(frozen=True, slots=True)
class Aggregate:
    op: str
    inner: "Expression"
    labels: tuple[str, ...] = ()
    is_without: bool = False

    def __str__(self) -> str:
        if self.is_without:
            return f"{self.op} without ({', '.join(self.labels)}) ({self.inner})"
        by = f" by ({', '.join(self.labels)}) " if self.labels else ""
        return f"{self.op}{by}({self.inner})"


@dataclass(frozen=True, slots=True)
class Matching:
    """Which series of two sides belong together."""

    labels: tuple[str, ...] = ()
    is_on: bool = False
    """`on(labels)`; else `ignoring(labels)`, which without labels means all of them."""
    many: str | None = None
    """`left` or `right`: the side of which several series may meet one of the other."""
    include: tuple[str, ...] = ()
    """Labels that the result takes from the side of the one."""

    def __str__(self) -> str:
        text = ""
        if self.is_on or self.labels:
            text = f" {'on' if self.is_on else 'ignoring'} ({', '.join(self.labels)})"
        if self.many is not None:
            text += f" group_{self.many} ({', '.join(self.include)})"
        return text


@dataclass(frozen=True, slots=True)
class Binary:
    op: str
    left: "Expression"
    right: "Expression"
    is_bool: bool = False
    matching: Matching = Matching()

    def __str__(self) -> str:
        is_bool = " bool" if self.is_bool else ""
        return f"{_grouped(self.left)} {self.op}{is_bool}{self.matching} {_grouped(self.right)}"


@dataclass(frozen=True, slots=True)
class Negation:
    inner: "Expression"

    def __str__(self) -> str:
        return f"-{_grouped(self.inner)}"


Expression: TypeAlias = (
    NumberLiteral | TextLiteral | Selector | RangeSelector | Subquery | Call | Aggregate | Binary | Negation
)


def selectors_of(expression: Expression) -> Iterator[Selector]:
    """Yield every selector that `expression` reads, in its order."""
    match expression:
        case Selector():
            yield expression
        case RangeSelector(selector):
            yield selector
        case Subquery(inner) | Negation(inner) | Aggregate(_, inner):
            yield from selectors_of(inner)
        case Call(_, arguments):
            for argument in arguments:
                yield from selectors_of(argument)
        case Binary(_, left, right):
            yield from selectors_of(left)
            yield from selectors_of(right)
        case _:
            return


def _grouped(inner: "Expression") -> str:
    # A negative number is written with its sign, and `-1 ^ 2` is -(1 ^ 2).
    is_signed = isinstance(inner, NumberLiteral) and math.copysign(1, inner.value) < 0
    if is_signed or isinstance(inner, Binary | Negation | Subquery):
        return f"({inner})"
    return str(inner)


def _offset_text(offset_ms: int) -> str:
    if not offset_ms:
        return ""
    sign = "-" if offset_ms < 0 else ""
    return f" offset {sign}{duration_of(abs(offset_ms))}"


def _is_metric_name(name: str) -> bool:
    bare = name.replace(":", "_")
    # Words of the language would read as something else.
    return bare.isidentifier() and bare.isascii() and name.lower() not in _WORDS


_WORDS: Final = frozenset(
    {"and", "or", "unless", "on", "ignoring", "group_left", "group_right", "bool", "by", "without", "offset", "atan2"}
    | {"inf", "nan", "start", "end", "fill", "fill_left", "fill_right", "anchored", "smoothed"}
    | {"sum", "avg", "count", "min", "max", "group", "stddev", "stdvar", "topk", "bottomk", "count_values", "quantile"}
    | {"limitk", "limit_ratio"}
)
