"""What rules may group by and filter by: the words of people, by family, and the columns that they stand for. Pure."""

from collections.abc import Mapping
from typing import Final

from tidegate.alerts.model import Source
from tidegate.signals import Dimension, Family

__all__ = ["column_of", "dimensions_of"]

_COMMON: Final[Mapping[str, Dimension]] = {
    "service": "service",
    "tenant": "tenant",
    "environment": "environment",
    "release": "release",
}
_HTTP: Final[Mapping[str, Dimension]] = {"route": "route", "status": "status", "error_code": "error_code"}
_OF_FAMILY: Final[Mapping[Family, Mapping[str, Dimension]]] = {
    Family.REQUEST: _HTTP,
    Family.AUTH: {**_HTTP, "method": "object", "source": "source", "outcome": "outcome"},
    Family.TENANT: {**_HTTP, "denial": "detail", "action": "object"},
    Family.AI_RUN: {
        "model": "model",
        "provider": "provider",
        "agent": "object",
        "outcome": "outcome",
        "error_code": "error_code",
    },
    Family.TOOL_CALL: {"tool": "object", "outcome": "outcome", "error_code": "error_code"},
    Family.INGESTION: {"queue": "object", "stage": "detail", "outcome": "outcome", "error_code": "error_code"},
    Family.RETRIEVAL: {"data_source": "object", "outcome": "outcome", "error_code": "error_code"},
    Family.DELIVERY: {"endpoint": "object", "outcome": "outcome", "signature": "detail", "error_code": "error_code"},
    Family.ACCESS_SYNC: {"subject": "object", "drift": "detail", "outcome": "outcome"},
    Family.USAGE: {"meter": "object", "outcome": "outcome"},
    Family.POLICY: {"policy": "object", "outcome": "outcome"},
    Family.RUNTIME: {},
}
# What buckets of durations are kept by: a row an event otherwise.
_TIMED_COMMON: Final = ("service", "environment", "release")
_TIMED: Final[Mapping[Family, tuple[str, ...]]] = {
    Family.REQUEST: ("route",),
    Family.AI_RUN: ("model", "provider", "agent", "outcome"),
    Family.TOOL_CALL: ("tool",),
    Family.INGESTION: ("queue",),
    Family.RETRIEVAL: ("data_source",),
    Family.DELIVERY: ("endpoint",),
}


def dimensions_of(family: Family, source: Source) -> tuple[str, ...]:
    """Return what signals of `family` can be told apart by."""
    if source is Source.TELEMETRY:
        return ("service",)
    if source is Source.DURATIONS:
        return (*_TIMED_COMMON, *_TIMED.get(family, ()))
    return (*_COMMON, *_OF_FAMILY[family])


def column_of(family: Family, dimension: str) -> Dimension:
    """Return the column in which a dimension of `family` is counted."""
    return _COMMON.get(dimension) or _OF_FAMILY[family][dimension]
