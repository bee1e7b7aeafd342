"""Prometheus sources on the wire. Secrets come in and never go out."""

from typing import Annotated, Final, Self

from pydantic import Field

from tidegate.edge.wire import Utc, WireModel
from tidegate.prom_sources.model import MAX_QUERY, Answered, Source, Wish

__all__ = [
    "PrometheusSourceIn",
    "PrometheusSourceListOut",
    "PrometheusSourceOut",
    "PrometheusTestIn",
    "PrometheusTestOut",
    "SetPrometheusSourceOut",
]

_SHOWN: Final = 20


class PrometheusSourceIn(WireModel):
    """A Prometheus-compatible server that rules of this workspace may ask."""

    url: Annotated[str, Field(max_length=2_000)]
    """Before `/api/v1/query`: `https://prometheus.example.com`."""
    user: Annotated[str, Field(max_length=200)] = ""
    """Of basic authentication; empty: the secret is a token."""
    secret: Annotated[str, Field(max_length=4_000)] | None = None
    """Password or token. Left out, the one that is there stays; an empty one takes it away."""

    def wish(self) -> Wish:
        return Wish(self.url, self.user, self.secret)


class PrometheusSourceOut(WireModel):
    name: str
    url: str
    user: str
    has_secret: bool
    created_at: Utc
    changed_at: Utc
    changed_by: str

    @classmethod
    def of(cls, source: Source) -> Self:
        return cls(**_facts(source))


class SetPrometheusSourceOut(PrometheusSourceOut):
    is_new: bool

    @classmethod
    def of_set(cls, source: Source, *, is_new: bool) -> Self:
        return cls(**_facts(source), is_new=is_new)


class PrometheusSourceListOut(WireModel):
    items: tuple[PrometheusSourceOut, ...]


class PrometheusTestIn(WireModel):
    query: Annotated[str, Field(min_length=1, max_length=MAX_QUERY)] = "vector(1)"
    """PromQL, as the server speaks it."""


class PrometheusSeriesOut(WireModel):
    labels: dict[str, str]
    value: float | str
    """A number, or `NaN`, `+Inf`, `-Inf`."""


class PrometheusTestOut(WireModel):
    """A whole and fresh answer; what is none is an error that says why."""

    answered_at: Utc
    series_count: int
    series: tuple[PrometheusSeriesOut, ...]
    """The first 20."""

    @classmethod
    def of(cls, found: Answered) -> Self:
        shown = [(each.labels, each.value) for each in found.series] + [(each, float("nan")) for each in found.unknown]
        return cls(
            answered_at=found.at,
            series_count=len(shown),
            series=tuple(
                PrometheusSeriesOut(labels=dict(names), value=_plain(value)) for names, value in shown[:_SHOWN]
            ),
        )


def _plain(value: float) -> float | str:
    if value != value:  # noqa: PLR0124 - how NaN is told
        return "NaN"
    return value if abs(value) != float("inf") else "+Inf" if value > 0 else "-Inf"


def _facts(source: Source) -> dict[str, object]:
    return {
        "name": source.name,
        "url": source.url,
        "user": source.user,
        "has_secret": source.secret is not None,
        "created_at": source.created_at,
        "changed_at": source.changed_at,
        "changed_by": source.changed_by,
    }
