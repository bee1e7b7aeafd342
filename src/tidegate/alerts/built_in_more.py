"""The rules that ship and read more than services and tenants: latency, sources, models, meters, silence. As data."""

import math
from datetime import timedelta
from typing import Final

from tidegate.alerts.figures import MEASURES
from tidegate.alerts.model import Filter, NoData, Op, Rule, Severity
from tidegate.signals import Family

__all__ = ["MORE_RULES"]

_ENOUGH: Final = 20  # SIGNALS section 3: below 20 events a ratio says nothing
_SERVICE: Final = ("service",)
_QUERIES: Final = (Filter("route", pattern="(?i).*(search|query).*"),)
_FIVE_MINUTES: Final = timedelta(minutes=5)


def _rule(code: str, severity: Severity, signal: tuple[Family, str], threshold: float, phrase: str,  # noqa: PLR0917 - a row of a table
          **more: object) -> Rule:  # fmt: skip
    family, figure = signal
    measure = MEASURES[family][figure]
    return Rule(code, severity, family, measure, threshold, phrase, runbook=code, **more)  # type: ignore[arg-type]  # fields of Rule by name


MORE_RULES: Final = (
    _rule(
        "auth_bruteforce_source", Severity.P2, (Family.AUTH, "failureCount"), 5,
        "{value} of {count} auth requests from one source failed",
        window=timedelta(minutes=10), group_by=("service", "source"),
    ),
    _rule(
        "provider_unhealthy", Severity.P1, (Family.AI_RUN, "failureRate"), 0.30,
        "{value} of {count} runs with one model failed",
        window=_FIVE_MINUTES, group_by=("service", "provider", "model"), min_count=_ENOUGH,
    ),
    _rule(
        "core_latency_high", Severity.P2, (Family.REQUEST, "p95Ms"), 500,
        "95% of {count} requests took up to {value}", group_by=_SERVICE, min_count=_ENOUGH,
    ),
    _rule(
        "query_error_rate_high", Severity.P2, (Family.REQUEST, "errorRate"), 0.02,
        "{value} of {count} searches and queries failed", group_by=_SERVICE, where=_QUERIES, min_count=_ENOUGH,
    ),
    _rule(
        "query_latency_high", Severity.P2, (Family.REQUEST, "p95Ms"), 500,
        "95% of {count} searches and queries took up to {value}",
        group_by=_SERVICE, where=_QUERIES, min_count=_ENOUGH,
    ),
    _rule(
        "queue_lag_high", Severity.P2, (Family.INGESTION, "averageWaitMs"), 300_000,
        "{count} jobs had waited {value} on average",
    ),
    _rule(
        "retrieval_latency_high", Severity.P2, (Family.RETRIEVAL, "p95Ms"), 800,
        "95% of {count} retrieval queries took up to {value}", group_by=_SERVICE, min_count=_ENOUGH,
    ),
    _rule(
        "citation_coverage_low", Severity.P2, (Family.RETRIEVAL, "citationCoverage"), 0.80,
        "Citation coverage was {value} over {count} evaluations", op=Op.BELOW, min_count=_ENOUGH,
    ),
    _rule(
        "groundedness_low", Severity.P2, (Family.RETRIEVAL, "groundedness"), 0.70,
        "Groundedness was {value} over {count} evaluations", op=Op.BELOW, min_count=_ENOUGH,
    ),
    _rule(
        "delivery_dead_letter_depth", Severity.P2, (Family.DELIVERY, "deadLetterCount"), 1,
        "{value} of {count} deliveries became dead letters",
    ),
    _rule(
        "webhook_signature_invalid", Severity.P1, (Family.DELIVERY, "signatureInvalidCount"), 1,
        "{value} of {count} deliveries carried a signature that is not valid",
    ),
    _rule(
        "duplicate_effect", Severity.P1, (Family.DELIVERY, "duplicateEffectCount"), 1,
        "{value} of {count} deliveries took effect a second time under the same key",
    ),
    _rule(
        "access_sync_drift", Severity.P1, (Family.ACCESS_SYNC, "driftCount"), 1,
        "{value} of {count} synchronisations found access that differs from its source",
    ),
    _rule(
        "access_sync_lag_high", Severity.P2, (Family.ACCESS_SYNC, "averageLagS"), 300,
        "Access followed its source after {value} on average",
    ),
    _rule(
        "usage_limit_near", Severity.P2, (Family.USAGE, "share"), 0.80,
        "{value} of the limit of a meter was used", group_by=("service", "tenant", "meter"),
    ),
    _rule(
        "usage_limit_breached", Severity.P1, (Family.USAGE, "share"),
        math.nextafter(1.0, 2.0),  # above the limit: all of it is not too much
        "{value} of the limit of a meter was used", group_by=("service", "tenant", "meter"),
    ),
    _rule(
        "telemetry_silent", Severity.P2, (Family.RUNTIME, "telemetryCount"), 0,
        "{value} of {count} spans and log records came", op=Op.BELOW, no_data=NoData.ALERT,
        window=_FIVE_MINUTES, group_by=_SERVICE,
    ),
    _rule(
        "telemetry_distrusted", Severity.P2, (Family.RUNTIME, "distrustedShare"), 0.01,
        "{value} of {count} spans and log records cannot be believed", group_by=_SERVICE, min_count=_ENOUGH,
    ),
)  # fmt: skip
