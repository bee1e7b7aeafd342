"""What a Prometheus-compatible server is to a workspace, and how its answer is read. Pure."""

import json
import math
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tidegate.prom_sources.errors import PromUnansweredError, Why

__all__ = ["MAX_QUERY", "MAX_SERIES", "MAX_SOURCES", "Answered", "Series", "Source", "Wish", "is_name", "read_answer"]

MAX_SOURCES: Final = 10
MAX_QUERY: Final = 4_000
MAX_SERIES: Final = 1_000
"""Of one answer: each may become an alert of its own."""
_MAX_LABELS: Final = 64
_MAX_LABEL: Final = 512  # as long as the name of a tenant may be
_MAX_AGE: Final = timedelta(minutes=5)  # how far Prometheus itself looks back for a sample
_NAME: Final = re.compile(r"[a-z0-9-]{1,63}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Source:
    """A server with a name."""

    name: str
    url: str
    revision: str
    created_at: datetime
    changed_at: datetime
    changed_by: str
    user: str = ""
    """Of basic authentication; empty: the secret, if there is one, is a token."""
    secret: bytes | None = field(default=None, repr=False)
    """Sealed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """All of a source; a secret that is left out stays as it was, an empty one goes."""

    url: str
    user: str = ""
    secret: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Series:
    """One element of a vector."""

    labels: tuple[tuple[str, str], ...]
    """Sorted, without the name of the metric."""
    value: float
    """Never NaN: that is no number, and stands among `unknown`."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A whole and fresh answer; it may be empty."""

    at: datetime
    """When the server says that this was so."""
    series: tuple[Series, ...]
    unknown: tuple[tuple[tuple[str, str], ...], ...] = ()
    """Labels of elements whose value is NaN."""


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def read_answer(body: bytes, *, now: datetime) -> Answered:
    """Return what a server answered at `/api/v1/query`.

    Raises:
        PromUnansweredError: it is no whole and fresh vector, or scalar, of numbers.
    """
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        raise PromUnansweredError(Why.UNREADABLE) from None
    if not isinstance(found, dict) or found.get("status") != "success" or not isinstance(found.get("data"), dict):
        raise PromUnansweredError(Why.UNREADABLE)
    # `isPartial` is how VictoriaMetrics says it; the others warn.
    if found.get("warnings") or found.get("isPartial"):
        raise PromUnansweredError(Why.PARTIAL)
    kind, result = found["data"].get("resultType"), found["data"].get("result")
    if kind not in {"vector", "scalar"}:
        raise PromUnansweredError(Why.NO_VECTOR)
    if not isinstance(result, list):
        raise PromUnansweredError(Why.UNREADABLE)
    elements = result if kind == "vector" else [{"metric": {}, "value": result}]
    if len(elements) > MAX_SERIES:
        raise PromUnansweredError(Why.TOO_MANY)
    return _answered([_element(one) for one in elements], now)


def _answered(elements: list[tuple[tuple[tuple[str, str], ...], float, float]], now: datetime) -> Answered:
    moments = [moment for _, moment, _ in elements]
    if any(abs(moment - now.timestamp()) > _MAX_AGE.total_seconds() for moment in moments):
        raise PromUnansweredError(Why.STALE)
    return Answered(
        at=datetime.fromtimestamp(min(moments), UTC) if moments else now,
        series=tuple(Series(labels, value) for labels, _, value in elements if not math.isnan(value)),
        unknown=tuple(labels for labels, _, value in elements if math.isnan(value)),
    )


def _element(found: Any) -> tuple[tuple[tuple[str, str], ...], float, float]:  # noqa: ANN401 - JSON of others
    if isinstance(found, dict) and "histogram" in found:
        raise PromUnansweredError(Why.NO_VECTOR)
    try:
        metric, (moment, value) = found["metric"], found["value"]
        labels = tuple(sorted((name, text) for name, text in metric.items() if name != "__name__"))
        pair = float(moment), float(value)
        "".join(text for one in labels for text in one).encode()  # half a character cannot be stored
    except (TypeError, ValueError, KeyError, AttributeError, OverflowError):
        raise PromUnansweredError(Why.UNREADABLE) from None
    if not all(isinstance(text, str) for _, text in labels) or not isinstance(value, str) or not math.isfinite(pair[0]):
        raise PromUnansweredError(Why.UNREADABLE)
    if len(labels) > _MAX_LABELS or any(len(name) > _MAX_LABEL or len(text) > _MAX_LABEL for name, text in labels):
        raise PromUnansweredError(Why.TOO_LONG)
    return labels, *pair
