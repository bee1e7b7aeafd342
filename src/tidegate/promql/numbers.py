"""Numbers as Go and Prometheus write them."""

import math
from decimal import Decimal

__all__ = ["exact_text", "go_text", "number_text", "scientific_text"]


def number_text(value: float) -> str:
    """Return `value` as an expression holds it; reads back the same."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "Inf" if value > 0 else "-Inf"
    return exact_text(value)


def exact_text(value: float) -> str:
    """Return the shortest decimal that is `value`, without an exponent (Go's `'f', -1`)."""
    if not math.isfinite(value):
        return _special(value)
    text = format(Decimal(repr(value)), "f")
    return text.removesuffix(".0")


def go_text(value: float) -> str:
    """Return `value` as Go prints a float64 (`%v`)."""
    if not math.isfinite(value):
        return _special(value)
    if value == 0:
        return "-0" if math.copysign(1, value) < 0 else "0"
    exponent = Decimal(repr(value)).adjusted()
    # strconv's bound for the shortest %g is six digits, however many there are.
    return exact_text(value) if -4 <= exponent < 6 else scientific_text(value, letter="e")


def scientific_text(value: float, *, letter: str = "E") -> str:
    """Return `value` as promtool prints a sample (`'E', -1`)."""
    if not math.isfinite(value):
        return _special(value)
    sign, digits, _ = Decimal(repr(value)).as_tuple()
    written = "".join(map(str, digits)).lstrip("0").rstrip("0") or "0"
    exponent = 0 if value == 0 else Decimal(repr(value)).adjusted()
    fraction = f".{written[1:]}" if len(written) > 1 else ""
    return f"{'-' if sign else ''}{written[0]}{fraction}{letter}{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def _special(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    return "+Inf" if value > 0 else "-Inf"
