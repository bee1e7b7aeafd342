"""Bounds in gate files: a part of CEL over the figures of a family, compiled once, evaluated in microseconds.

Left out on purpose: division (whole numbers would be cut: 3 / 48 is 0, and a bound on it always holds), strings, lists
and macros (nothing to bound with them, and evaluation stays linear in the length of the text).
"""

import importlib.util
import re
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from importlib.machinery import ExtensionFileLoader
from pathlib import Path
from types import ModuleType
from typing import Any

from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.model import BoundError
from tidegate.signals import NANO_PER_USD, Family, Figures, Totals, figures_of

__all__ = ["MAX_LENGTH", "CelBound", "compile_bound"]

MAX_LENGTH = 500
_ALLOWED = re.compile(r"[A-Za-z0-9_.\s()<>=!&|+\-*?:]*")
_FUNCTIONS = frozenset({"double", "int"})
# What is not wrong for any of these is not wrong by its types: zero, one and many of everything.
_SAMPLES = tuple(
    Totals(**{field.name: size * (NANO_PER_USD if field.name == "cost_nano_usd" else 1) for field in fields(Totals)})
    for size in (1, 1_000_000)
)
_RATES = (0.0, 0.001, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99, 1.0)


@dataclass(frozen=True, slots=True)
class CelBound:
    """Keeps the promises of `Bound`."""

    source: str
    figures: frozenset[str]
    program: Any
    """Compiled by the CEL library, which ships no types for it."""

    def holds(self, figures: Figures) -> bool:
        try:
            answer = self.program.execute({name: figures[name] for name in self.figures})
        except (ValueError, TypeError, RuntimeError, ArithmeticError, KeyError) as error:
            raise BoundError(_first_line(error)) from error
        if not isinstance(answer, bool):
            raise BoundError(f"it gives {answer!r}, not true or false")
        return answer


@lru_cache(maxsize=4096)  # a gate is measured every two seconds, with the same few expressions
def compile_bound(text: str, family: Family, *, field: str) -> CelBound:
    """Return `text` compiled and tried.

    Raises:
        GateFileInvalidError: it cannot be parsed, names an unknown figure, or is not a question of yes or no.
    """
    if len(text) > MAX_LENGTH:
        raise GateFileInvalidError(f"The expression is longer than {MAX_LENGTH} characters.", field=field)
    strange = _ALLOWED.sub("", text, count=1)
    if strange:
        raise GateFileInvalidError(
            f"The expression may not contain {strange[0]!r}: write comparisons of figures and numbers, joined by && "
            "and ||. There is no division: use the rates.",
            field=field,
        )
    try:
        program = _cel().compile(text)
    except (ValueError, TypeError, RuntimeError) as error:
        raise GateFileInvalidError(f"The expression cannot be read: {_first_line(error)}", field=field) from error
    bound = CelBound(text, frozenset(program.variables()), program)
    _refuse_unknown(bound, family, field=field)
    for sample in _SAMPLES:
        try:
            bound.holds(figures_of(family, sample))
        except BoundError as error:
            raise GateFileInvalidError(
                f"The expression has no answer: {error}. Counts are whole numbers, rates and money have a point "
                "(write 2.0, not 2, beside them).",
                field=field,
            ) from error
    _refuse_settled(bound, field=field)
    return bound


def _refuse_settled(bound: CelBound, *, field: str) -> None:
    """Refuse a bound on rates alone that no rate changes: 20 was meant as 20 per cent, and always holds."""
    if not all(figure.endswith("Rate") for figure in bound.figures):
        return
    answers = {bound.holds(dict.fromkeys(bound.figures, rate)) for rate in _RATES}
    if len(answers) == 1:
        raise GateFileInvalidError(
            "The expression says the same for every rate: rates go from 0 to 1, so write 0.20 for 20 per cent.",
            field=field,
        )


def _refuse_unknown(bound: CelBound, family: Family, *, field: str) -> None:
    known = figures_of(family, Totals())
    unknown = sorted(bound.figures - set(known))
    if unknown:
        raise GateFileInvalidError(
            f"The family {family} has no figure {unknown[0]!r}. It has: {', '.join(known)}.", field=field
        )
    if not bound.figures:
        raise GateFileInvalidError(
            f"The expression asks for no figure, so it would always say the same. There are: {', '.join(known)}.",
            field=field,
        )
    functions = sorted(name for name in bound.program.functions() if name[0].isalpha() and name not in _FUNCTIONS)
    if functions:
        raise GateFileInvalidError(
            f"The expression may not call {functions[0]!r}; there are: {', '.join(sorted(_FUNCTIONS))}.", field=field
        )


@cache
def _cel() -> ModuleType:
    """Load the library's compiled module by itself.

    Its package also imports its own command line: 270 ms and 30 MB, against 18 ms and 3 MB (decision record 0005).
    """
    package = importlib.util.find_spec("cel")
    assert package is not None  # noqa: S101 - a dependency of the server
    assert package.origin is not None  # noqa: S101 - the same
    path = next(Path(package.origin).parent.glob("cel*.so"))
    loader = ExtensionFileLoader("cel.cel", str(path))
    spec = importlib.util.spec_from_loader("cel.cel", loader)
    assert spec is not None  # noqa: S101 - made from a loader
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), type(error).__name__)[:300]
