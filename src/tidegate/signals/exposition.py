"""Families in the Prometheus text format 0.0.4. Totals are counters over all retained rows; tenants are no labels."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from tidegate.signals.service import RetainedFamily

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


# Rates, means and shares are no counters: they are divided where they are read.
_ADDITIVE = ("Count", "Tokens", "costUsd")


class _Families(Collector):
    def __init__(self, families: Iterable[RetainedFamily]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        for retained in self._families:
            yield from _totals_of(retained)
            yield from _counts_of(retained)


def _totals_of(retained: RetainedFamily) -> Iterable[Metric]:
    family = retained.family.value
    for name, value in retained.totals.items():
        if isinstance(value, int | float) and name.endswith(_ADDITIVE):
            yield CounterMetricFamily(
                f"tidegate_{family}_{_snake(name.removesuffix('Count'))}",
                f"{name} of family {family} over all retained rows",
                value=value,
            )


def _counts_of(retained: RetainedFamily) -> Iterable[Metric]:
    family = retained.family.value
    for dimension, counts in retained.counts.items():
        metric = CounterMetricFamily(
            f"tidegate_{family}_by_{dimension}",
            f"Events of family {family} by {dimension} over all retained rows",
            labels=[dimension],
        )
        for key, count in sorted(counts.items()):
            metric.add_metric([key], count)
        yield metric


def exposition_of(families: Iterable[RetainedFamily]) -> bytes:
    """Return the text that a Prometheus server scrapes."""
    registry = CollectorRegistry()
    registry.register(_Families(families))
    return generate_latest(registry)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
