"""No open alert for a while: what the evaluator knows, and whether there was anything to watch. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from tidegate.gates.model.checks import Check, CheckKind, CheckSpec
from tidegate.gates.model.measures.findings import (
    READING_MAX_AGE,
    Finding,
    at_in_words,
    in_words,
    plain,
    result_of,
)
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult
from tidegate.kernel import format_duration, format_utc
from tidegate.kernel.canonical import JsonValue

_SHOWN = 3


@dataclass(frozen=True, slots=True)
class QuietSpec(CheckSpec):
    """No open alert of some codes for a while."""

    kind: ClassVar[CheckKind] = CheckKind.ALERTS_QUIET
    codes: tuple[str, ...]
    quiet_for: timedelta
    service: str | None

    def define(self) -> Mapping[str, JsonValue]:
        return {"codes": list(self.codes), "for": format_duration(self.quiet_for), "service": self.service}


ActivityReading = Mapping[str, int | None]
"""Events a service sent during a window; `None` when that cannot be read."""


@dataclass(frozen=True, slots=True)
class OpenAlert:
    id: str
    code: str
    service: str
    since: datetime


@dataclass(frozen=True, slots=True)
class QuietReading:
    """What the alert evaluator knows about some codes and services."""

    open_alerts: tuple[OpenAlert, ...]
    last_closed_at: datetime | None
    evaluated_at: datetime | None
    """`None` when the evaluator never ran."""
    watched_since: datetime | None
    """Start of the unbroken time that the evaluator has watched."""


def measure_quiet(
    check: Check,
    quiet: QuietReading | None,
    activity: ActivityReading,
    *,
    now: datetime,
) -> CheckResult:
    """Judge the silence of alerts: it counts only while someone watched and there was something to watch.

    `activity` names every service in scope with the events it sent in the time that has to be quiet; `None` stands for
    one that could not be read.
    """
    spec = check.spec
    assert isinstance(spec, QuietSpec)  # noqa: S101 - measures are chosen by kind
    alerts = _judge(spec, quiet, now=now)
    silent = [] if alerts.outcome is CheckOutcome.FAILED else [_silence(spec, name, activity) for name in activity]
    findings = [alerts, *(finding for finding in silent if finding is not None)] if activity else []
    return result_of(
        check,
        findings,
        now=now,
        bound=f"no open alert of {', '.join(spec.codes)} for {format_duration(spec.quiet_for)}",
        inputs={"activity": dict(activity), "alerts": _inputs_of(quiet)},
    )


def _judge(spec: QuietSpec, quiet: QuietReading | None, *, now: datetime) -> Finding:
    if quiet is None or quiet.evaluated_at is None:
        return Finding(
            CheckOutcome.MISSING, "The alert rules were never evaluated.", "wait for the alert evaluator to run"
        )
    if quiet.open_alerts:
        return _burning(quiet.open_alerts)
    if not -READING_MAX_AGE <= now - quiet.evaluated_at <= READING_MAX_AGE:
        return Finding(
            CheckOutcome.STALE,
            f"The alert rules were last evaluated at {at_in_words(quiet.evaluated_at)}, "
            f"{in_words(now - quiet.evaluated_at)} ago (limit {in_words(READING_MAX_AGE)}).",
            "see `tidegate doctor`: the alert evaluator does not run",
        )
    return _lasting(spec, quiet, now=now)


def _lasting(spec: QuietSpec, quiet: QuietReading, *, now: datetime) -> Finding:
    since = quiet.watched_since
    if since is None:
        return Finding(
            CheckOutcome.MISSING, "Nobody knows since when the alerts are watched.", "wait for the alert evaluator"
        )
    if quiet.last_closed_at is not None:
        since = max(since, quiet.last_closed_at)
    lasted = now - since
    needed = format_duration(spec.quiet_for)
    if lasted < spec.quiet_for:
        return Finding(
            CheckOutcome.PENDING,
            f"Quiet and watched for {in_words(lasted)} of {needed}, since {at_in_words(since)}.",
            f"wait until {at_in_words(since + spec.quiet_for)} without a new alert",
            value=f"quiet for {in_words(lasted)}",
        )
    return Finding(
        CheckOutcome.PASSED,
        f"No alert of {', '.join(spec.codes)} was open in the {needed} to {at_in_words(now)}.",
        value="0 open",
        stale_after=(quiet.evaluated_at or now) + READING_MAX_AGE,
    )


def _burning(alerts: Sequence[OpenAlert]) -> Finding:
    oldest_first = sorted(alerts, key=lambda alert: (alert.since, alert.id))
    shown = ", ".join(
        f"{plain(alert.code)} of {plain(alert.service)} since {at_in_words(alert.since)}"
        for alert in oldest_first[:_SHOWN]
    )
    more = f" and {len(alerts) - _SHOWN} more" if len(alerts) > _SHOWN else ""
    first = oldest_first[0]
    count = "1 alert is" if len(alerts) == 1 else f"{len(alerts)} alerts are"
    return Finding(
        CheckOutcome.FAILED,
        f"{count} open (allowed 0): {shown}{more}.",
        f"resolve {plain(first.code)} (tidegate alert show {first.id})",
        value=f"{len(alerts)} open",
    )


def _silence(spec: QuietSpec, service: str, activity: ActivityReading) -> Finding | None:
    """A service that sends nothing cannot raise an alert: its silence proves nothing."""
    if activity[service]:
        return None
    return Finding(
        CheckOutcome.MISSING,
        f"{plain(service)} sent nothing that these alerts watch in the last {format_duration(spec.quiet_for)}, "
        "so their silence says nothing.",
        f"send telemetry of {plain(service)}",
    )


def _inputs_of(quiet: QuietReading | None) -> dict[str, str | list[str] | None] | None:
    if quiet is None:
        return None
    return {
        "open": [alert.id for alert in quiet.open_alerts],
        "lastClosedAt": format_utc(quiet.last_closed_at) if quiet.last_closed_at else None,
        "evaluatedAt": format_utc(quiet.evaluated_at) if quiet.evaluated_at else None,
        "watchedSince": format_utc(quiet.watched_since) if quiet.watched_since else None,
    }
