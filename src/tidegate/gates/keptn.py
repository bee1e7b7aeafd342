"""Keptn's `slo.yaml` as a gate file of the same meaning; what cannot be said by one is refused by its place. Pure.

A set of criteria holds when all of it does, one of several sets is enough. `pass` criteria become the warning bound,
`warning` criteria the bound. Where Keptn passes for want of data, of an objective or of a history, a gate holds.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import yaml

from tidegate.edge.documents import DocumentUnreadableError, load_document
from tidegate.gates.errors import GateFileInvalidError
from tidegate.signals import Family, Totals, figures_of

__all__ = ["Figure", "Imported", "import_keptn", "read_figure"]

_MAX_BYTES: Final = 64 * 1024
_CRITERION: Final = re.compile(r"^\s*(<=|>=|<|>|=)\s*([+-]?)\s*(\d+(?:\.\d+)?)\s*(%?)\s*$")
_PER_CENT: Final = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*%?\s*$")
_OPERATORS: Final = {"=": "=="}
_KNOWN: Final = {"spec_version", "filter", "comparison", "objectives", "total_score"}
_KNOWN_OF_OBJECTIVE: Final = {"sli", "displayName", "pass", "warning", "weight", "key_sli"}
_SAMPLE: Final = Totals(count=1, priced_count=1, success_count=1)


@dataclass(frozen=True, slots=True)
class Figure:
    """What an indicator of Keptn is called here."""

    family: Family
    name: str


@dataclass(frozen=True, slots=True)
class Imported:
    text: str
    """The gate file, as YAML."""
    left_out: tuple[str, ...]
    """Indicators without a pass criterion: Keptn shows them and counts nothing for them."""


def read_figure(text: str) -> tuple[str, Figure]:
    """Return the indicator and figure in `error_rate=request.failureRate`.

    Raises:
        GateFileInvalidError: it is none.
    """
    sli, _, rest = text.partition("=")
    family, _, name = rest.partition(".")
    if not sli or family not in set(Family):
        raise GateFileInvalidError(
            f"{text!r} is no indicator and figure: write `error_rate=request.failureRate`.", field="figure"
        )
    known = figures_of(Family(family), _SAMPLE)
    if name not in known:
        raise GateFileInvalidError(
            f"The family {family} has no figure {name!r}. It has: {', '.join(known)}.", field="figure"
        )
    return sli, Figure(Family(family), name)


def import_keptn(text: bytes, figures: Mapping[str, Figure], *, gate_id: str, owner: str) -> Imported:
    """Return the gate file that asks what the objectives in `text` ask.

    Raises:
        GateFileInvalidError: it cannot be read, or a gate file cannot say it; the place is named.
    """
    try:
        document = load_document(text, limit_bytes=_MAX_BYTES)
    except DocumentUnreadableError as error:
        raise GateFileInvalidError(f"The file is refused: {error}", field="body") from error
    if not isinstance(document, dict):
        raise GateFileInvalidError("The file is no slo.yaml: it has no fields.", field="body")
    _refuse_unknown(document, _KNOWN, "")
    if document.get("filter"):
        raise GateFileInvalidError("A filter is not taken over: name `service` in the checks instead.", field="filter")
    objectives = document.get("objectives")
    if not isinstance(objectives, list) or not objectives:
        raise GateFileInvalidError(
            "There is no objective. Keptn would pass; a gate asks something.", field="objectives"
        )
    found = [_check(one, figures, owner, f"objectives.{number}") for number, one in enumerate(objectives)]
    checks = [check for check in found if isinstance(check, dict)]
    if not checks:
        raise GateFileInvalidError("No objective has a pass criterion, so nothing is asked.", field="objectives")
    file = {
        "apiVersion": "tidegate/v1",
        "kind": "Gate",
        "id": gate_id,
        "title": gate_id,
        "owner": owner,
        "score": _score(document.get("total_score")),
        "checks": checks,
    }
    return Imported(
        yaml.safe_dump(file, sort_keys=False, width=100), tuple(one for one in found if isinstance(one, str))
    )


def _check(objective: object, figures: Mapping[str, Figure], owner: str, place: str) -> dict[str, Any] | str:
    if not isinstance(objective, dict) or not isinstance(objective.get("sli"), str):
        raise GateFileInvalidError("An objective names its `sli`.", field=f"{place}.sli")
    _refuse_unknown(objective, _KNOWN_OF_OBJECTIVE, f"{place}.")
    sli = objective["sli"]
    if not objective.get("pass"):
        if objective.get("key_sli"):
            raise GateFileInvalidError("A key objective without a pass criterion never fails.", field=f"{place}.pass")
        return str(sli)
    figure = figures.get(sli)
    if figure is None:
        raise GateFileInvalidError(
            f"Nobody says what {sli!r} is here: add `--figure {sli}=FAMILY.FIGURE`.", field=f"{place}.sli"
        )
    passing = _sets(objective["pass"], figure, f"{place}.pass")
    warning = _sets(objective["warning"], figure, f"{place}.warning") if objective.get("warning") else None
    weight = objective.get("weight", 1)
    if isinstance(weight, bool) or not isinstance(weight, int | float) or not 0 <= weight <= 1_000:
        raise GateFileInvalidError("A weight is a number from 0 to 1000.", field=f"{place}.weight")
    return {
        "id": re.sub(r"[^a-z0-9]+", "-", sli.lower()).strip("-")[:63] or "objective",
        "title": str(objective.get("displayName") or sli),
        "kind": "signal",
        "owner": owner,
        "required": bool(objective.get("key_sli", False)),
        "weight": weight,
        "family": figure.family.value,
        # Between both it warns, as in Keptn: what passes is within the bound as well.
        "expression": f"{passing} || {warning}" if warning else passing,
        **({"warn": passing} if warning else {}),
    }


def _sets(sets: object, figure: Figure, place: str) -> str:
    if not isinstance(sets, list):
        raise GateFileInvalidError("Criteria are a list of sets.", field=place)
    return " || ".join(_set(one, figure, f"{place}.{number}") for number, one in enumerate(sets))


def _set(one: object, figure: Figure, place: str) -> str:
    criteria = one.get("criteria") if isinstance(one, dict) else None
    if not isinstance(criteria, list) or not criteria:
        raise GateFileInvalidError("A set has `criteria`.", field=f"{place}.criteria")
    return "(" + " && ".join(_criterion(text, figure, f"{place}.criteria.{n}") for n, text in enumerate(criteria)) + ")"


def _criterion(text: object, figure: Figure, place: str) -> str:
    match = _CRITERION.match(text) if isinstance(text, str) else None
    if match is None:
        raise GateFileInvalidError(f"{text!r} is no criterion, like `<=0.05`.", field=place)
    operator, sign, number, per_cent = match.groups()
    if sign or per_cent:
        raise GateFileInvalidError(
            f"{text!r} is relative to earlier results, which a gate file cannot say: write the number.", field=place
        )
    is_whole = isinstance(figures_of(figure.family, _SAMPLE)[figure.name], int)
    name = f"double({figure.name})" if is_whole else figure.name
    return f"{name} {_OPERATORS.get(operator, operator)} {float(number):.12f}".rstrip("0") + "0"


def _score(total: object) -> dict[str, float]:
    """Return the ratios; Keptn asks for 90 and 75 per cent unless said."""
    said = {} if total is None else total
    if not isinstance(said, dict):
        raise GateFileInvalidError("It has `pass` and `warning`.", field="total_score")
    _refuse_unknown(said, {"pass", "warning"}, "total_score.")
    return {
        name: _ratio(said.get(name, default), f"total_score.{name}")
        for name, default in (("pass", 90), ("warning", 75))
    }


def _ratio(said: object, place: str) -> float:
    match = _PER_CENT.match(str(said))
    ratio = float(match[1]) / 100 if match else 0.0
    if not 0 < ratio <= 1:
        raise GateFileInvalidError(f"{said!r} is no percentage above 0.", field=place)
    return ratio


def _refuse_unknown(fields: Mapping[Any, Any], known: set[str] | Sequence[str], place: str) -> None:
    unknown = sorted(str(name) for name in fields if name not in known)
    if unknown:
        raise GateFileInvalidError(f"{unknown[0]!r} is not taken over: remove it.", field=f"{place}{unknown[0]}")
