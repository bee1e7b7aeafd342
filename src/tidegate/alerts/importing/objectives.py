"""Objectives of Sloth, Pyrra and OpenSLO, made into objective files; their alerts become pairs of `burn`."""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final

from tidegate.alerts.importing.counted import Scope, Share, counted_in
from tidegate.alerts.importing.errors import NotKeptError
from tidegate.kernel import TidegateError, format_duration
from tidegate.promql.numbers import exact_text
from tidegate.promql.objectives.objective import GeneratedRule, Imported, Objective
from tidegate.promql.parsing import parse_expression
from tidegate.promql.series import MatchOp
from tidegate.slos import COUNTED

__all__ = ["BURN_RATES", "KeptObjective", "kept_objectives"]

BURN_RATES: Final = "burn-rates"
_ANNOTATIONS: Final = "annotations"
_LABELS: Final = "labels"
_SEVERITIES: Final = {"page": "P1", "critical": "P1", "ticket": "P2", "warning": "P2"}
_OWN_LABELS: Final = frozenset({"severity", "slo", "short", "long", "service", "sloth_severity"})
_OWN_ANNOTATIONS: Final = frozenset({"summary", "title"})
_HINT: Final = "--without burn-rates takes tidegate's pairs instead"
_LONGEST_TITLE: Final = 200


@dataclass(frozen=True, slots=True)
class KeptObjective:
    """One objective of another tool's file, and the objective file that it becomes, or why it becomes none."""

    name: str
    file: Mapping[str, Any] | None = None
    error: TidegateError | None = None


def kept_objectives(imported: Imported, *, without: Collection[str] = ()) -> Iterator[KeptObjective]:
    """Yield what becomes of each objective; of what stands in `without` nothing is kept and nothing refused."""
    for objective in imported.objectives:
        try:
            yield KeptObjective(objective.id, _file_of(objective, without))
        except TidegateError as error:
            yield KeptObjective(objective.id, error=error)
    for refusal in imported.refusals:
        yield KeptObjective(refusal.name, error=refusal.error)


def _file_of(objective: Objective, without: Collection[str]) -> dict[str, Any]:
    share = counted_in(parse_expression(objective.error_ratio(objective.window_ms)))
    if not isinstance(share, Share):
        raise NotKeptError("the indicator", "an objective is about a share: bad events of all events")
    where = _place_of(share.part.scope)
    burn = _burn_of(objective, where, without)
    title = " ".join(objective.description.split()) or objective.name
    return {
        "apiVersion": "tidegate/v1",
        "kind": "Objective",
        "metadata": {
            "name": re.sub(r"[^a-z0-9]+", "-", objective.id.lower()).strip("-"),
            "title": title[:_LONGEST_TITLE],
            "owner": objective.service or where["service"],
        },
        "spec": {
            **where,
            "family": share.part.scope.family.value,
            "indicator": {"events": _events_of(share)},
            "target": f"{objective.target:.12f}".rstrip("0"),
            "window": {"rolling": _length(objective.window_ms)},
            "perTenant": False,
            **burn,
        },
    }


def _place_of(scope: Scope) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in scope.matchers:
        if one.label not in {"service", "environment"} or one.op is not MatchOp.EQUAL or not one.value:
            raise NotKeptError(f"`{one}`", "an objective is about one service, and one environment where it is named")
        found[one.label] = one.value
    if "service" not in found:
        raise NotKeptError("the indicator", 'it has to select one service: {service="…"}')
    for label in scope.by:
        if label not in found:
            raise NotKeptError(f"by ({label})", "an objective is told for its service as a whole")
    return found


def _events_of(share: Share) -> dict[str, str]:
    names = {field: name for name, field in COUNTED[share.part.scope.family].items()}
    total = _only(share.whole.signs, names)
    bad = _only(share.part.signs, names)
    if total is not None and bad is not None:
        return {"bad": bad, "total": total}
    good = {field: -count for field, count in share.part.plus(share.whole, -1).signs.items()}
    kept = _only(good, names)
    if total is None or kept is None:
        raise NotKeptError("the indicator", f"{share.part.scope.family.value} counts no such events")
    return {"good": kept, "total": total}


def _only(signs: Mapping[str, int], names: Mapping[str, str]) -> str | None:
    [(field, count), *more] = signs.items() or [("", 0)]
    return names.get(field) if count == 1 and not more else None


def _burn_of(objective: Objective, where: Mapping[str, str], without: Collection[str]) -> dict[str, Any]:
    if BURN_RATES in without:
        return {}
    generated = objective.generate(objective)
    for refusal in generated.refusals:
        raise NotKeptError(refusal.name, f"{refusal.error.message} {_HINT}")
    alerts = [rule for group in generated.groups for rule in group.rules if rule.is_alert]
    for alert in alerts:
        _check_alert(alert, where, without)
    asked = {alert.labels.get("sloth_severity", alert.labels.get("severity")) for alert in alerts}
    return {"burn": [_pair_of(rate) for rate in objective.burn_rates if rate.severity in asked]}


def _check_alert(alert: GeneratedRule, where: Mapping[str, str], without: Collection[str]) -> None:
    """Refuse what an alert of an objective has no place for."""
    labels = [name for name in alert.labels if name not in _OWN_LABELS and name not in where]
    if labels and _LABELS not in without:
        raise NotKeptError(f"the label {labels[0]}", "alerts of objectives have labels of their own; --without labels")
    more = [name for name in alert.annotations if name not in _OWN_ANNOTATIONS]
    if more and _ANNOTATIONS not in without:
        raise NotKeptError(f"the annotation {more[0]}", "alerts of objectives say it themselves; --without annotations")


def _pair_of(rate: Any) -> dict[str, Any]:  # noqa: ANN401 - a `BurnRate`
    severity = _SEVERITIES.get(rate.severity)
    if severity is None or not rate.short_ms:
        raise NotKeptError(f"the alert {rate.severity}", f"it burns over a long window and a short one. {_HINT}")
    if rate.for_ms:
        raise NotKeptError(f"`for` of {rate.severity}", f"a burn is told at once. {_HINT}")
    return {
        "severity": severity,
        "long": _length(rate.long_ms),
        "short": _length(rate.short_ms),
        "factor": exact_text(rate.factor),
        "minCount": 1,  # other tools know no least number of events
    }


def _length(ms: int) -> str:
    return format_duration(timedelta(milliseconds=ms))
