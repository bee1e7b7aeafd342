"""Families in the Prometheus text format 0.0.4. Totals are counters over all retained rows; tenants are no labels."""

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

from tidegate.signals.service import FamilyMetrics

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class _Families(Collector):
    def __init__(self, families: Iterable[FamilyMetrics]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        for metrics in self._families:
            prefix = f"tidegate_{metrics.family.value}"
            for name, value in metrics.totals.items():
                if isinstance(value, int | float) and not name.endswith(("Rate", "PerRunUsd")):
                    yield CounterMetricFamily(
                        f"{prefix}_{_snake(name.removesuffix('Count'))}",
                        f"{name} of family {metrics.family.value} over all retained rows",
                        value=value,
                    )


def exposition_of(families: Iterable[FamilyMetrics]) -> bytes:
    """Return the text that a Prometheus server scrapes."""
    registry = CollectorRegistry()
    registry.register(_Families(families))
    return generate_latest(registry)


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)
