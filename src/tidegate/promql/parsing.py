"""From text to an expression of the supported subset; what is outside is refused by its name and place."""

import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final, TypeAlias

import promql_parser as grammar

from tidegate.promql.errors import ExpressionError, ExpressionTooLargeError, NotSupportedError
from tidegate.promql.expressions import (
    AGGREGATIONS,
    Aggregate,
    Binary,
    Call,
    Expression,
    Matching,
    Negation,
    NumberLiteral,
    RangeSelector,
    Selector,
    Subquery,
    TextLiteral,
)
from tidegate.promql.functions import FUNCTIONS
from tidegate.promql.series import METRIC_NAME, Matcher, MatchOp, compile_pattern

__all__ = ["parse_expression", "parse_series_name"]

# Twenty times the longest of the 132 rules that Sloth's own examples generate.
_LONGEST: Final = 16_384
# The grammar descends into itself: at some 10,000 levels it overflows the stack and takes the process with it.
# What reads and evaluates the tree descends as well, three frames a level, of the thousand that Python allows.
_DEEPEST: Final = 64
_MOST_OPERATORS: Final = 128
_OPERATOR_WORDS: Final = frozenset({"and", "or", "unless", "atan2"})
_TOKEN: Final = re.compile(
    r"""(?P<text>"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|`[^`]*`)|(?P<comment>\#[^\n]*)"""
    r"""|(?P<word>[A-Za-z_:][\w:]*)|(?P<number>[0-9][\w.]*)|(?P<open>[(\[{])|(?P<close>[)\]}])|(?P<sign>[-+*/%^@<>=!])""",
    re.DOTALL,
)
_UNKNOWN_FUNCTION: Final = re.compile(r"unknown function with name '(.*)'")
_MATCH_OPS: Final = {"Equal": MatchOp.EQUAL, "NotEqual": MatchOp.NOT_EQUAL, "Re": MatchOp.MATCHES,
                     "NotRe": MatchOp.NOT_MATCHES}  # fmt: skip
_MILLISECOND: Final = timedelta(milliseconds=1)
# A node of the grammar: its class says what it has.
_Node: TypeAlias = Any


def parse_expression(text: str) -> Expression:
    """Read `text`.

    Raises:
        ExpressionError: it is no PromQL.
        ExpressionTooLargeError: it is longer or deeper than the bounds.
        NotSupportedError: it uses something outside the subset; the first such thing is named with its place.
    """
    _check_size(text)
    try:
        tree = grammar.parse(text)
    except ValueError as error:
        unknown = _UNKNOWN_FUNCTION.search(str(error))
        if unknown is not None:
            why = "Prometheus has no function of this name either"
            raise NotSupportedError(unknown[1], where=_place(text, unknown[1]), why=why) from error
        raise ExpressionError(f"This is no PromQL: {error}.") from error
    return _Reading(text).read(tree)


def parse_series_name(text: str) -> Selector:
    """Read `up{job="a"}` as the name of one series: every label with its value.

    Raises:
        ExpressionError: it is something else.
    """
    selector = parse_expression(text) if text.strip() not in {"", "{}"} else Selector(())
    if not isinstance(selector, Selector) or selector.offset_ms:
        raise ExpressionError(f'{text!r} names no series. Write it like up{{job="a"}}.')
    if any(matcher.op is not MatchOp.EQUAL for matcher in selector.matchers):
        raise ExpressionError(f"{text!r} names no series: every label needs one value (=).")
    return selector


def _check_size(text: str) -> None:
    if len(text) > _LONGEST:
        raise ExpressionTooLargeError(f"The expression has {len(text)} characters; {_LONGEST} are the most.")
    depth = deepest = operators = braces = 0
    for token in _TOKEN.finditer(text):
        depth += (token.lastgroup == "open") - (token.lastgroup == "close")
        deepest = max(deepest, depth)
        braces += (token[0] == "{") - (token[0] == "}")
        is_operator = token.lastgroup == "sign" or token[0].lower() in _OPERATOR_WORDS
        operators += is_operator and not braces
    if deepest > _DEEPEST:
        raise ExpressionTooLargeError(f"The expression is {deepest} brackets deep; {_DEEPEST} are the most.")
    if operators > _MOST_OPERATORS:
        raise ExpressionTooLargeError(f"The expression has {operators} operators; {_MOST_OPERATORS} are the most.")


def _place(text: str, what: str) -> str:
    for token in _TOKEN.finditer(text):
        if token.lastgroup in {"word", "sign"} and token[0].lower() == what.lower():
            before = text[: token.start()]
            return f"line {before.count(chr(10)) + 1}, column {token.start() - before.rfind(chr(10))}"
    return ""


class _Reading:
    """Turns the grammar's tree into ours; knows the text, so that what is refused has a place."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._read: dict[str, Callable[[_Node], Expression]] = {
            "NumberLiteral": lambda node: NumberLiteral(node.val),
            "StringLiteral": lambda node: TextLiteral(node.val),
            "ParenExpr": lambda node: self.read(node.expr),
            "UnaryExpr": lambda node: Negation(self.read(node.expr)),
            "VectorSelector": self._selector,
            "MatrixSelector": self._range,
            "SubqueryExpr": self._subquery,
            "Call": self._call,
            "AggregateExpr": self._aggregate,
            "BinaryExpr": self._binary,
        }

    def read(self, node: object) -> Expression:
        return self._read[type(node).__name__](node)

    def _refusal(self, what: str, *, why: str = "") -> NotSupportedError:
        return NotSupportedError(what, where=_place(self._text, what), why=why)

    def _selector(self, node: _Node) -> Selector:
        if node.at is not None:
            raise self._refusal("@", why="a rule is evaluated at its own moment")
        if node.matchers.or_matchers:
            raise self._refusal("or", why="between matchers; write two selectors joined by or")
        matchers = list(self._matchers(node))
        return Selector(tuple(matchers), _milliseconds(node.offset))

    def _matchers(self, node: _Node) -> Iterator[Matcher]:
        if node.name:
            yield Matcher(METRIC_NAME, MatchOp.EQUAL, node.name)
        for one in sorted(node.matchers.matchers, key=lambda m: (m.name, str(m.op), m.value)):
            matcher = Matcher(one.name, _MATCH_OPS[str(one.op).rpartition(".")[2]], one.value)
            if matcher.op in {MatchOp.MATCHES, MatchOp.NOT_MATCHES}:
                compile_pattern(matcher.value)
            yield matcher

    def _range(self, node: _Node) -> RangeSelector:
        return RangeSelector(self._selector(node.vector_selector), _milliseconds(node.range))

    def _subquery(self, node: _Node) -> Subquery:
        if node.at is not None:
            raise self._refusal("@", why="a rule is evaluated at its own moment")
        step = None if node.step is None else _milliseconds(node.step)
        return Subquery(self.read(node.expr), _milliseconds(node.range), step, _milliseconds(node.offset))

    def _call(self, node: _Node) -> Call:
        name = node.func.name
        if name not in FUNCTIONS:
            raise self._refusal(name)
        return Call(name, tuple(self.read(argument) for argument in node.args))

    def _aggregate(self, node: _Node) -> Aggregate:
        op = str(node.op)
        if op not in AGGREGATIONS:
            raise self._refusal(op)
        inner = self.read(node.expr)
        if node.modifier is None:
            return Aggregate(op, inner)
        return Aggregate(op, inner, tuple(node.modifier.labels), node.modifier.type == grammar.AggModifierType.Without)

    def _binary(self, node: _Node) -> Binary:
        op = str(node.op)
        if op == "atan2":
            raise self._refusal(op)
        modifier = node.modifier
        matching, is_bool = Matching(), False
        if modifier is not None:
            is_bool = modifier.return_bool
            matching = self._matching(modifier)
        return Binary(op, self.read(node.lhs), self.read(node.rhs), is_bool, matching)

    def _matching(self, modifier: _Node) -> Matching:
        fill = modifier.fill_values
        if fill is not None and (fill.lhs is not None or fill.rhs is not None):
            raise self._refusal("fill")
        many = {"ManyToOne": "left", "OneToMany": "right"}.get(str(modifier.card).rpartition(".")[2])
        given = modifier.matching
        labels = () if given is None else tuple(given.labels)
        is_on = given is not None and given.type == grammar.LabelModifierType.Include
        return Matching(labels, is_on, many, tuple(modifier.group_labels or ()))


def _milliseconds(duration: timedelta | None) -> int:
    return 0 if duration is None else duration // _MILLISECOND
