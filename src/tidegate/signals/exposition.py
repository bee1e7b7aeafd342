"""Families as Prometheus text 0.0.4 or OpenMetrics 1.0. Totals are counters over all retained rows; no tenant labels.

Beside them gauges of the workspace's jobs. OpenMetrics says more: how long events took, as histograms,
and exemplars, which are traces to look at.
"""

from collections.abc import Iterable, Mapping, Sequence

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, Exemplar, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from tidegate.jobs import JobCounts
from tidegate.signals.model import Family
from tidegate.signals.service import RetainedFamily

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS_TYPE = "application/openmetrics-text; version=1.0.0; charset=utf-8"

# Rates, means and shares are no counters: they are divided where they are read.
_ADDITIVE = ("Count", "Tokens", "costUsd")


def is_counter(figure: str) -> bool:
    """Return whether a figure, by its wire name, only ever rises."""
    return figure.endswith(_ADDITIVE)


def counter_name(family: Family, figure: str) -> str:
    """Return what a figure of a family is called here, without `_total`."""
    return f"tidegate_{family.value}_{_snake(figure.removesuffix('Count'))}"


_JOBS = {
    "waiting": "Jobs that are due or scheduled",
    "running": "Jobs that a worker has claimed",
    "dead": "Jobs that will not be tried again unless somebody replays them",
    "oldest_wait_seconds": "How long the oldest due job has been due",
}


class _Families(Collector):
    def __init__(
        self, families: Iterable[RetainedFamily], exemplars: Mapping[str, Exemplar], jobs: Sequence[JobCounts]
    ) -> None:
        self._families = families
        self._exemplars = exemplars
        self._jobs = jobs

    def collect(self) -> Iterable[Metric]:
        for retained in self._families:
            yield from _totals_of(retained)
            yield from _counts_of(retained, self._exemplars)
            yield from _durations_of(retained)
        yield from _gauges_of(self._jobs)


def _totals_of(retained: RetainedFamily) -> Iterable[Metric]:
    for name, value in retained.totals.items():
        if isinstance(value, int | float) and is_counter(name):
            yield CounterMetricFamily(
                counter_name(retained.family, name),
                f"{name} of family {retained.family.value} over all retained rows",
                value=value,
            )


def _counts_of(retained: RetainedFamily, exemplars: Mapping[str, Exemplar]) -> Iterable[Metric]:
    family = retained.family.value
    for dimension, counts in retained.counts.items():
        metric = CounterMetricFamily(
            f"tidegate_{family}_by_{dimension}",
            f"Events of family {family} by {dimension} over all retained rows",
            labels=[dimension],
        )
        is_route = family == "request" and dimension == "route"
        for key, count in sorted(counts.items()):
            metric.add_metric([key], count, exemplar=exemplars.get(key) if is_route else None)
        yield metric


def _durations_of(retained: RetainedFamily) -> Iterable[Metric]:
    if not retained.buckets:
        return
    seen = 0
    buckets: list[tuple[str, float]] = []
    for bound_ms, count in retained.buckets:
        seen += count
        buckets.append((f"{bound_ms / 1000:.9g}", seen))
    metric = HistogramMetricFamily(
        f"tidegate_{retained.family.value}_duration_seconds",
        f"How long events of family {retained.family.value} took, over all retained rows",
    )
    metric.add_metric([], [*buckets, ("+Inf", seen)], retained.spent_s)
    yield metric


def _gauges_of(jobs: Sequence[JobCounts]) -> Iterable[Metric]:
    if not jobs:
        return
    for name, words in _JOBS.items():
        gauge = GaugeMetricFamily(f"tidegate_jobs_{name}", words, labels=["kind"])
        for counts in jobs:
            figures = {
                "waiting": counts.waiting,
                "running": counts.running,
                "dead": counts.dead,
                "oldest_wait_seconds": counts.oldest_wait_s,
            }
            gauge.add_metric([counts.kind], figures[name])
        yield gauge


def exposition_of(families: Iterable[RetainedFamily], jobs: Sequence[JobCounts] = ()) -> bytes:
    """Return the text that a Prometheus server scrapes."""
    registry = CollectorRegistry()
    registry.register(_Families(families, {}, jobs))
    return generate_latest(registry)


def openmetrics_of(
    families: Iterable[RetainedFamily], exemplars: Mapping[str, str], jobs: Sequence[JobCounts] = ()
) -> bytes:
    """Return OpenMetrics text; `exemplars` are ids of traces by route: of a request that failed or was slow."""
    registry = CollectorRegistry()
    named = {route: Exemplar({"trace_id": trace_id}, 1.0) for route, trace_id in exemplars.items()}
    registry.register(_Families(families, named, jobs))
    text: bytes = openmetrics.generate_latest(registry)  # type: ignore[no-untyped-call] # the library has no types
    return text


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
