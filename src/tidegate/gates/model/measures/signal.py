"""A bound on a signal: figures of a window against an expression. Pure."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from operator import attrgetter
from typing import ClassVar, Protocol

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
from tidegate.kernel import format_duration
from tidegate.kernel.canonical import JsonValue
from tidegate.signals import Family, Figures, Totals, figures_of

MAX_DISTRUSTED_SHARE = 0.01
"""SIGNALS section 2: above it a signal says so, and a gate holds."""
_NOUNS = {
    Family.REQUEST: "requests",
    Family.AUTH: "auth requests",
    Family.TENANT: "tenant requests",
    Family.AI_RUN: "runs",
    Family.TOOL_CALL: "tool calls",
    Family.INGESTION: "jobs",
    Family.RETRIEVAL: "retrievals",
    Family.DELIVERY: "delivery attempts",
    Family.ACCESS_SYNC: "access syncs",
    Family.USAGE: "usage events",
    Family.POLICY: "policy decisions",
    Family.RUNTIME: "metric points",
}
_counters_of = attrgetter(*(field.name for field in fields(Totals)))  # `astuple` takes 20 times as long
_COST_FIGURES = frozenset({"costUsd", "averageCostPerRunUsd"})


@dataclass(frozen=True, slots=True)
class SignalSpec(CheckSpec):
    """A bound on the figures of a family over a window."""

    kind: ClassVar[CheckKind] = CheckKind.SIGNAL
    family: Family
    window: timedelta
    expression: str
    """CEL over the figures; true means within the bound."""
    warn_expression: str | None
    """The same for the warning bound."""
    min_count: int
    """Below it the check is inconclusive, whatever the figures say."""
    service: str | None
    """`None` means every service of the release, each for itself."""
    tenant: str | None
    is_release_only: bool
    """Whether only telemetry that names the version of the release counts."""

    def define(self) -> Mapping[str, JsonValue]:
        return {
            "family": self.family.value,
            "window": format_duration(self.window),
            "expression": self.expression,
            "warn": self.warn_expression,
            "minCount": self.min_count,
            "service": self.service,
            "tenant": self.tenant,
            "version": "release" if self.is_release_only else None,
        }

    @property
    def tenant_named(self) -> str | None:
        return self.tenant


class BoundError(Exception):
    """An expression has no answer for these figures."""


class Bound(Protocol):
    """A compiled expression."""

    @property
    def source(self) -> str: ...

    @property
    def figures(self) -> frozenset[str]:
        """The figures it names."""
        ...

    def holds(self, figures: Figures) -> bool:
        """Return whether the figures are within the bound.

        Raises:
            BoundError: it cannot be said.
        """
        ...


@dataclass(frozen=True, slots=True)
class SignalReading:
    """The counters of one service over the window of a check."""

    totals: Totals
    read_at: datetime


def measure_signal(
    check: Check,
    readings: Mapping[str, SignalReading | None],
    *,
    bound: Bound,
    warn_bound: Bound | None,
    now: datetime,
    objections: Sequence[Finding] = (),
) -> CheckResult:
    """Judge each service by itself: one that is silent or bad is not evened out by another.

    `readings` names every service in scope; `None` stands for one that could not be read. `objections` say why
    telemetry is not of this release, whatever its figures are.
    """
    spec = check.spec
    assert isinstance(spec, SignalSpec)  # noqa: S101 - measures are chosen by kind
    findings = [_judge(spec, service, reading, (bound, warn_bound), now=now) for service, reading in readings.items()]
    return result_of(
        check,
        [*objections, *findings],
        now=now,
        bound=f"{bound.source} over at least {spec.min_count} {_NOUNS[spec.family]}",
        inputs={
            service: dict(figures_of(spec.family, reading.totals)) if reading else None
            for service, reading in readings.items()
        },
    )


def not_of_release(service: str) -> Finding:
    """Say that a check names a service that the release does not bring: what others do says nothing about it."""
    name = plain(service)
    reason = f"The service {name} is not part of the release."
    return Finding(CheckOutcome.MISSING, reason, f"release {name}, or name another service")


def of_other_versions(service: str, version: str, seen: Collection[str]) -> Finding | None:
    """Return why telemetry of the versions `seen` says nothing about `version`; `None` when it does.

    A service that sends no `service.version` cannot be told apart: its telemetry counts.
    """
    named = sorted(one for one in seen if one)
    if not named or version in named:
        return None
    return Finding(
        CheckOutcome.MISSING,
        f"{plain(service)} sends telemetry of version {plain(', '.join(named[:3]))}, none of {plain(version)}.",
        f"deploy {plain(service)} {plain(version)}, or set its service.version, then look again",
    )


_Bounds = tuple[Bound, Bound | None]
"""The bound, and the warning bound."""


def _judge(spec: SignalSpec, name: str, reading: SignalReading | None, bounds: _Bounds, *, now: datetime) -> Finding:
    service = plain(name)
    if reading is None:
        return Finding(CheckOutcome.MISSING, f"The signal of {service} could not be read.", "evaluate the gate again")
    if not -READING_MAX_AGE <= now - reading.read_at <= READING_MAX_AGE:
        return Finding(
            CheckOutcome.STALE,
            f"The signal of {service} was read at {at_in_words(reading.read_at)} (limit {in_words(READING_MAX_AGE)}).",
            "evaluate the gate again",
        )
    window = f"the {format_duration(spec.window)} to {at_in_words(reading.read_at)}"
    unusable = _unusable(spec, service, reading.totals, [one for one in bounds if one], window=window)
    if unusable is not None:
        return unusable
    return _compare(spec, service, figures_of(spec.family, reading.totals), bounds, window=window)


def _unusable(
    spec: SignalSpec, service: str, totals: Totals, bounds: Sequence[Bound], *, window: str
) -> Finding | None:
    """Return why these counters cannot answer all of `bounds`, or `None` when they can."""
    noun = _NOUNS[spec.family]
    send = f"send telemetry of {service} with {noun}, then look again"
    if _is_impossible(totals):
        reason = f"The counters of {service} in {window} contradict each other."
        return Finding(CheckOutcome.ERROR, reason, "see `tidegate doctor`")
    seen = totals.count + totals.distrusted_count
    if not seen:
        return Finding(CheckOutcome.MISSING, f"No {noun} of {service} in {window}.", send)
    return _doubted(service, totals, noun=noun, window=window) or _too_little(
        spec, service, totals, bounds, window=window
    )


def _doubted(service: str, totals: Totals, *, noun: str, window: str) -> Finding | None:
    """Return why the counters cannot be believed, or `None` when they can."""
    seen = totals.count + totals.distrusted_count
    if totals.distrusted_count > MAX_DISTRUSTED_SHARE * seen:
        return Finding(
            CheckOutcome.INCONCLUSIVE,
            f"The times of {totals.distrusted_count} of {seen} {noun} of {service} in {window} cannot be believed "
            f"(limit {MAX_DISTRUSTED_SHARE:.0%}).",
            f"correct the clock of what sends the telemetry of {service}",
        )
    if totals.sampled_count:
        return Finding(
            CheckOutcome.INCONCLUSIVE,
            f"{service} sends a sample of its {noun} and does not say how large: {totals.sampled_count} in {window}.",
            f"let the sampler of {service} write its threshold into tracestate (ot=th:), or send all of them",
        )
    return None


def _too_little(
    spec: SignalSpec, service: str, totals: Totals, bounds: Sequence[Bound], *, window: str
) -> Finding | None:
    """Return which counts are too small for all of `bounds`, or `None` when they suffice."""
    noun = _NOUNS[spec.family]
    send = f"send telemetry of {service} with {noun}, then look again"
    bound, *_ = bounds
    count = _count_behind(totals, bound)
    if count < spec.min_count:
        return Finding(
            CheckOutcome.INCONCLUSIVE,
            f"Only {count} {_count_noun(noun, bound)} of {service} in {window} (needed {spec.min_count}).",
            send,
            value=f"{count} {noun}",
        )
    if any("costUsd" in one.figures for one in bounds) and totals.priced_count < totals.count:
        return Finding(
            CheckOutcome.INCONCLUSIVE,
            f"{totals.count - totals.priced_count} of {totals.count} runs of {service} in {window} have no price, "
            "so their cost is not known.",
            f"send the cost of every run of {service}",
        )
    return None


def _is_impossible(totals: Totals) -> bool:
    """Return whether no events can add up to these counters."""
    outcomes = totals.failed_count + totals.policy_blocked_count + totals.validation_error_count
    return (
        min(_counters_of(totals)) < 0
        or totals.success_count + totals.failure_count > totals.count
        or outcomes + totals.cancelled_count > totals.count
        or totals.priced_count > totals.count
    )


def _count_behind(totals: Totals, bound: Bound) -> int:
    """Return how many events the figures rest on: a mean cost rests on the runs that have a price."""
    return totals.priced_count if bound.figures & _COST_FIGURES else totals.count


def _count_noun(noun: str, bound: Bound) -> str:
    return f"{noun} with a price" if bound.figures & _COST_FIGURES else noun


def _compare(spec: SignalSpec, service: str, figures: Figures, bounds: _Bounds, *, window: str) -> Finding:
    bound, warn_bound = bounds
    used = sorted(bound.figures | (warn_bound.figures if warn_bound else frozenset()))
    absent = [name for name in used if figures.get(name) is None]
    if absent:
        return Finding(
            CheckOutcome.MISSING,
            f"{service} has no {absent[0]} in {window}.",
            f"send what {absent[0]} is computed from",
        )
    value = ", ".join(f"{name} {_number(figures[name])}" for name in used)
    count = next(iter(figures.values()))
    measured = f"{value} of {service} over {count} {_NOUNS[spec.family]} in {window}"
    try:
        is_within = bound.holds(figures)
        is_quiet = warn_bound is None or warn_bound.holds(figures)
    except BoundError as error:
        return Finding(
            CheckOutcome.ERROR, f"The expression has no answer for {service}: {error}", "correct the expression"
        )
    if not is_within:
        return Finding(
            CheckOutcome.FAILED,
            f"{measured} (allowed {bound.source}).",
            f"bring {service} back to {bound.source}",
            value=value,
        )
    if not is_quiet and warn_bound is not None:
        return Finding(
            CheckOutcome.WARNED,
            f"{measured}, within {bound.source} but outside the warning bound {warn_bound.source}.",
            f"bring {service} back to {warn_bound.source}",
            value=value,
        )
    return Finding(CheckOutcome.PASSED, f"{measured} (allowed {bound.source}).", value=value)


def _number(value: float | None) -> str:
    """Write enough digits to see on which side of a bound a rate lies."""
    return f"{value:.4g}" if isinstance(value, float) else str(value)
