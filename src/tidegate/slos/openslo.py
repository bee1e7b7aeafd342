"""OpenSLO v1, in and out, as far as it says what objectives here are. The rest is refused by name, never dropped."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tidegate.slos.errors import ObjectiveInvalidError

__all__ = ["ANNOTATION", "as_objective_file", "as_openslo", "is_openslo"]

ANNOTATION: Final = "tidegate.dev/"
_VERSION: Final = "openslo/v1"
_SOURCE: Final = "tidegate"
_UNITS: Final = {"w": "week", "M": "month", "Q": "quarter"}
_OPERATORS: Final = {"lte": "atMost", "gte": "atLeast"}
_ANNOTATIONS: Final = {"burn": "burn", "policy": "policy", "per-tenant": "perTenant"}
_WORDS: Final = {"environment": "environment", "runbook": "runbook"}


def is_openslo(value: object) -> bool:
    return isinstance(value, Mapping) and str(value.get("apiVersion", "")).startswith("openslo/")


def as_objective_file(value: Mapping[str, Any]) -> dict[str, Any]:
    """Return an OpenSLO document as an objective file.

    Raises:
        ObjectiveInvalidError: it says something that objectives here cannot say; the field is named.
    """
    if value.get("apiVersion") != _VERSION:
        raise ObjectiveInvalidError(f"Of OpenSLO, {_VERSION} is read.", "apiVersion")
    if value.get("kind") != "SLO":
        raise ObjectiveInvalidError(f"Of OpenSLO, the kind SLO is read, not {value.get('kind')!r}.", "kind")
    _only(value, ("apiVersion", "kind", "metadata", "spec"), "")
    metadata, spec = _mapping(value, "metadata", ""), _mapping(value, "spec", "")
    _only(metadata, ("name", "displayName", "labels", "annotations"), "metadata")
    known = ("description", "service", "indicator", "timeWindow", "budgetingMethod", "objectives", "alertPolicies")
    _only(spec, known, "spec")
    if spec.get("alertPolicies"):
        raise ObjectiveInvalidError(
            f"Alert policies are not read: say `burn` in the annotation {ANNOTATION}burn, or leave the workbook's.",
            "spec.alertPolicies",
        )
    annotations = metadata.get("annotations") or {}
    extra = _extra(annotations)
    [objective] = _one(spec, "objectives")
    family, indicator = _indicator(spec, objective)
    made = {
        "service": spec.get("service"),
        "family": family,
        "indicator": indicator,
        "target": objective.get("target"),
        "window": _window(spec),
        **extra,
    }
    name = metadata.get("name")
    owner = annotations.get(f"{ANNOTATION}owner") or spec.get("service")
    title = metadata.get("displayName") or name
    return {
        "apiVersion": "tidegate/v1",
        "kind": "Objective",
        "metadata": {"name": name, "title": title, "owner": owner},
        "spec": {key: found for key, found in made.items() if found is not None},
    }


def _extra(annotations: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, text in annotations.items():
        if not str(key).startswith(ANNOTATION) or key == f"{ANNOTATION}owner":
            continue
        name = str(key).removeprefix(ANNOTATION)
        if name in _WORDS:
            found[_WORDS[name]] = text
        elif name in _ANNOTATIONS:
            try:
                found[_ANNOTATIONS[name]] = json.loads(str(text), parse_float=str)
            except (ValueError, RecursionError) as error:
                raise ObjectiveInvalidError(f"{key} is no JSON.", "metadata.annotations") from error
        else:
            raise ObjectiveInvalidError(f"There is no annotation {key}.", "metadata.annotations")
    return found


def _indicator(spec: Mapping[str, Any], objective: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    if "indicatorRef" in spec:
        raise ObjectiveInvalidError("An indicator of another document is not read: write it here.", "spec.indicatorRef")
    own = _mapping(_mapping(spec, "indicator", "spec"), "spec", "spec.indicator")
    method = spec.get("budgetingMethod", "Occurrences")
    if method == "Occurrences":
        _only(objective, ("displayName", "target"), "spec.objectives.0")
        return _ratio(own)
    if method == "Timeslices":
        _only(objective, ("displayName", "target", "op", "value", "timeSliceWindow"), "spec.objectives.0")
        return _threshold(own, objective)
    raise ObjectiveInvalidError(f"The budgeting method {method!r} is not read.", "spec.budgetingMethod")


def _ratio(own: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    place = "spec.indicator.spec"
    _only(own, ("ratioMetric",), place)
    ratio = _mapping(own, "ratioMetric", place)
    place = f"{place}.ratioMetric"
    _only(ratio, ("counter", "good", "bad", "total"), place)
    found: dict[str, Any] = {}
    families: set[Any] = set()
    for role in ("good", "bad", "total"):
        if ratio.get(role) is not None:
            family, found[role] = _source(_mapping(ratio, role, place), f"{place}.{role}")
            families.add(family)
    if len(families) != 1:
        raise ObjectiveInvalidError("Good, bad and total have to be of one family.", place)
    return families.pop(), {"events": found}


def _threshold(own: Mapping[str, Any], objective: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
    place = "spec.indicator.spec"
    _only(own, ("thresholdMetric",), place)
    family, figure = _source(_mapping(own, "thresholdMetric", place), f"{place}.thresholdMetric")
    operator = _OPERATORS.get(objective.get("op", ""))
    if operator is None:
        raise ObjectiveInvalidError("A slice is held against its bound by lte or gte.", "spec.objectives.0.op")
    length = objective.get("timeSliceWindow")
    return family, {"slices": {"figure": figure, "length": length, operator: objective.get("value")}}


def _source(metric: Mapping[str, Any], place: str) -> tuple[Any, Any]:
    _only(metric, ("metricSource",), place)
    source = _mapping(metric, "metricSource", place)
    _only(source, ("type", "spec"), f"{place}.metricSource")
    if source.get("type") != _SOURCE:
        raise ObjectiveInvalidError(
            f"A metric source of the type {source.get('type')!r} is not read: the type {_SOURCE} names a family and a "
            "figure that are counted here.",
            f"{place}.metricSource.type",
        )
    spec = _mapping(source, "spec", f"{place}.metricSource")
    _only(spec, ("family", "figure"), f"{place}.metricSource.spec")
    return spec.get("family"), spec.get("figure")


def _window(spec: Mapping[str, Any]) -> dict[str, Any]:
    [window] = _one(spec, "timeWindow")
    place = "spec.timeWindow.0"
    _only(window, ("duration", "isRolling", "calendar"), place)
    duration = str(window.get("duration", ""))
    if window.get("calendar") is None:
        if window.get("isRolling") is False:
            raise ObjectiveInvalidError("A window that does not roll has a calendar.", place)
        weeks = duration.removesuffix("w")
        return {"rolling": f"{int(weeks) * 7}d" if duration.endswith("w") and weeks.isdecimal() else duration}
    calendar = _mapping(window, "calendar", place)
    _only(calendar, ("startTime", "timeZone"), f"{place}.calendar")
    unit = _UNITS.get(duration.removeprefix("1")) if duration.startswith("1") else None
    if unit is None or window.get("isRolling"):
        raise ObjectiveInvalidError("A calendar window is 1w, 1M or 1Q, and does not roll.", f"{place}.duration")
    return {"calendar": unit, "timeZone": calendar.get("timeZone", "UTC")}


def _only(value: Mapping[str, Any], known: Sequence[str], place: str) -> None:
    for key in value:
        if key not in known:
            field = f"{place}.{key}".removeprefix(".")
            raise ObjectiveInvalidError(f"{field} has no meaning here: leave it out.", field)


def _mapping(value: Mapping[str, Any], key: str, place: str) -> Mapping[str, Any]:
    found = value.get(key)
    field = f"{place}.{key}".removeprefix(".")
    if not isinstance(found, Mapping):
        raise ObjectiveInvalidError(f"{field} is missing, or has no fields.", field)
    return found


def _one(spec: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    found = spec.get(key)
    if not isinstance(found, list) or len(found) != 1 or not isinstance(found[0], Mapping):
        raise ObjectiveInvalidError(f"Exactly one of spec.{key} is read.", f"spec.{key}")
    return found


def as_openslo(file: Mapping[str, Any]) -> dict[str, Any]:
    """Return an objective file, as JSON has it, as an OpenSLO document; what OpenSLO lacks stands in annotations."""
    metadata, spec = file["metadata"], file["spec"]
    annotations = {f"{ANNOTATION}owner": metadata["owner"]}
    annotations |= {f"{ANNOTATION}{name}": spec[key] for name, key in _WORDS.items() if spec.get(key) is not None}
    annotations |= {
        f"{ANNOTATION}{name}": json.dumps(spec[key], sort_keys=True)
        for name, key in _ANNOTATIONS.items()
        if spec.get(key) is not None
    }
    objective: dict[str, Any] = {"displayName": metadata["title"], "target": _number(spec["target"])}
    if "events" in spec["indicator"]:
        method, found = "Occurrences", spec["indicator"]["events"]
        metrics = {role: _as_source(spec["family"], figure) for role, figure in found.items()}
        indicator: dict[str, Any] = {"ratioMetric": {"counter": True, **metrics}}
    else:
        method, found = "Timeslices", spec["indicator"]["slices"]
        indicator = {"thresholdMetric": _as_source(spec["family"], found["figure"])}
        operator = next(name for name, own in _OPERATORS.items() if own in found)
        objective |= {"op": operator, "value": _number(found[_OPERATORS[operator]]), "timeSliceWindow": found["length"]}
    return {
        "apiVersion": _VERSION,
        "kind": "SLO",
        "metadata": {"name": metadata["name"], "displayName": metadata["title"], "annotations": annotations},
        "spec": {
            "service": spec["service"],
            "indicator": {"metadata": {"name": metadata["name"]}, "spec": indicator},
            "timeWindow": [_as_time_window(spec["window"])],
            "budgetingMethod": method,
            "objectives": [objective],
        },
    }


def _as_source(family: str, figure: str) -> dict[str, Any]:
    return {"metricSource": {"type": _SOURCE, "spec": {"family": family, "figure": figure}}}


def _as_time_window(window: Mapping[str, Any]) -> dict[str, Any]:
    if "rolling" in window:
        return {"duration": window["rolling"], "isRolling": True}
    unit = next(letter for letter, name in _UNITS.items() if name == window["calendar"])
    return {"duration": f"1{unit}", "isRolling": False, "calendar": {"timeZone": window["timeZone"]}}


def _number(text: str) -> float | int:
    """Return a number that a decimal text says; its shortest form reads back the same."""
    return int(text) if text.lstrip("-").isdecimal() else float(text)
