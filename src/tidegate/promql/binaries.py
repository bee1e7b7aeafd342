"""Operators between two sides: numbers, vectors, and which series of two vectors belong together."""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import numpy as np

from tidegate.promql.errors import EvaluationError
from tidegate.promql.expressions import ARITHMETIC, COMPARISONS, Binary, Matching
from tidegate.promql.series import METRIC_NAME, Floats, Labels, labels_text
from tidegate.promql.vectors import Mask, Scalar, Vector, merge, without_name

__all__ = ["combine"]

_OPERATORS: Final[Mapping[str, Callable[[Floats, Floats], Floats]]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": np.fmod,
    "^": np.power,
}
_COMPARISONS: Final[Mapping[str, Callable[[Floats, Floats], Mask]]] = {
    "==": np.equal,
    "!=": np.not_equal,
    ">": np.greater,
    "<": np.less,
    ">=": np.greater_equal,
    "<=": np.less_equal,
}
_MANY_TO_MANY: Final = "many-to-many matching not allowed: matching labels must be unique on one side"
_IMPLICIT: Final = "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
_AMBIGUOUS: Final = "multiple matches for labels: grouping labels must ensure unique matches"


def combine(node: Binary, left: Vector | Scalar, right: Vector | Scalar) -> Vector | Scalar:
    """Apply the operator of `node`.

    Raises:
        EvaluationError: the series of the two sides do not belong together in a way that the matching allows.
    """
    if isinstance(left, Scalar) and isinstance(right, Scalar):
        if node.op in ARITHMETIC:
            return Scalar(_OPERATORS[node.op](left.values, right.values))
        return Scalar(_COMPARISONS[node.op](left.values, right.values).astype(np.float64))
    if isinstance(left, Vector) and isinstance(right, Vector):
        if node.op in _SETS:
            return _SETS[node.op](left, right, node.matching)
        return _matched(node, left, right)
    return _with_number(node, left, right)


def _with_number(node: Binary, left: Vector | Scalar, right: Vector | Scalar) -> Vector:
    vector = left if isinstance(left, Vector) else right
    if not isinstance(vector, Vector):
        raise TypeError("one side is a vector")
    values, kept = _compute(node, left.values, right.values)
    if node.op in COMPARISONS and not node.is_bool:
        return Vector(vector.labels, vector.values, vector.present & kept)
    return merge([without_name(one) for one in vector.labels], values, vector.present)


def _compute(node: Binary, left: Floats, right: Floats) -> tuple[Floats, Mask]:
    """Return the values, and where a comparison that filters holds."""
    if node.op in ARITHMETIC:
        values = _OPERATORS[node.op](left, right)
        return values, np.ones(values.shape, dtype=np.bool_)
    holds = _COMPARISONS[node.op](left, right)
    if node.is_bool:
        return holds.astype(np.float64), np.ones(holds.shape, dtype=np.bool_)
    return np.broadcast_to(left, holds.shape), holds


def _signature(labels: Labels, matching: Matching) -> Labels:
    if matching.is_on:
        held = dict(labels)
        return tuple((name, held.get(name, "")) for name in matching.labels)
    return tuple(pair for pair in labels if pair[0] not in matching.labels and pair[0] != METRIC_NAME)


def _matched(node: Binary, left: Vector, right: Vector) -> Vector:
    matching = node.matching
    is_swapped = matching.many == "right"
    many, one = (right, left) if is_swapped else (left, right)
    # Nothing meets nothing: a side that is empty at a moment cannot be ambiguous there.
    both = many.anywhere & one.anywhere
    ones = _unique(one, matching, both, side="left" if is_swapped else "right")
    signatures = [_signature(labels, matching) for labels in many.labels]
    pairs = [(row, other) for row, signature in enumerate(signatures) for other in ones.get(signature, ())]
    if not pairs:
        return Vector.empty(many.values.shape[1])
    rows, others = [row for row, _ in pairs], [other for _, other in pairs]
    many_values, one_values = many.values[rows], one.values[others]
    sides = (one_values, many_values) if is_swapped else (many_values, one_values)
    values, kept = _compute(node, *sides)
    present = many.present[rows] & one.present[others] & kept
    labels = [_result_labels(node, many.labels[row], one.labels[other]) for row, other in pairs]
    keys = [(signatures[row], labels[place] if matching.many else ()) for place, row in enumerate(rows)]
    _refuse_several(keys, present, _AMBIGUOUS if matching.many else _IMPLICIT)
    return merge(labels, values, present)


def _unique(one: Vector, matching: Matching, both: Mask, *, side: str) -> dict[Labels, list[int]]:
    """Return the rows of each signature, of which no two may be present at one moment."""
    groups: dict[Labels, list[int]] = {}
    for row, labels in enumerate(one.labels):
        groups.setdefault(_signature(labels, matching), []).append(row)
    for signature, members in groups.items():
        if len(members) > 1 and int((one.present[members] & both).sum(axis=0).max(initial=0)) > 1:
            several = ", ".join(labels_text(one.labels[row]) for row in members[:2])
            named = labels_text(tuple(pair for pair in signature if pair[1]))
            raise EvaluationError(
                f"found duplicate series for the match group {named} on the {side} hand-side of the operation: "
                f"[{several}];{_MANY_TO_MANY}"
            )
    return groups


def _result_labels(node: Binary, many: Labels, one: Labels) -> Labels:
    matching = node.matching
    held = dict(many)
    if node.op in ARITHMETIC or node.is_bool:
        held.pop(METRIC_NAME, None)
    if matching.many is None:
        if matching.is_on:
            held = {name: value for name, value in held.items() if name in matching.labels}
        else:
            held = {name: value for name, value in held.items() if name not in matching.labels}
    taken = dict(one)
    for name in matching.include:
        held[name] = taken.get(name, "")
    return tuple(sorted((name, value) for name, value in held.items() if value))


def _refuse_several(keys: Sequence[object], present: Mask, words: str) -> None:
    groups: dict[object, list[int]] = {}
    for row, key in enumerate(keys):
        groups.setdefault(key, []).append(row)
    for rows in groups.values():
        if len(rows) > 1 and int(present[rows].sum(axis=0).max()) > 1:
            raise EvaluationError(words)


def _there(vector: Vector, matching: Matching) -> dict[Labels, Mask]:
    """Return when any row of each signature is present."""
    found: dict[Labels, Mask] = {}
    for row, labels in enumerate(vector.labels):
        signature = _signature(labels, matching)
        held = found.get(signature)
        found[signature] = vector.present[row] if held is None else held | vector.present[row]
    return found


def _other(rows: Vector, side: Vector, matching: Matching) -> Mask:
    """Say where the other side has a series of the same signature as each row."""
    there = _there(side, matching)
    nowhere = np.zeros(rows.values.shape[1], dtype=np.bool_)
    found = [there.get(_signature(labels, matching), nowhere) for labels in rows.labels]
    return np.stack(found) if found else rows.present


def _and(left: Vector, right: Vector, matching: Matching) -> Vector:
    return Vector(left.labels, left.values, left.present & _other(left, right, matching))


def _unless(left: Vector, right: Vector, matching: Matching) -> Vector:
    return Vector(left.labels, left.values, left.present & ~_other(left, right, matching))


def _or(left: Vector, right: Vector, matching: Matching) -> Vector:
    added = right.present & ~_other(right, left, matching)
    labels = [*left.labels, *right.labels]
    return merge(labels, np.concatenate([left.values, right.values]), np.concatenate([left.present, added]))


_SETS: Final[Mapping[str, Callable[[Vector, Vector, Matching], Vector]]] = {"and": _and, "or": _or, "unless": _unless}
