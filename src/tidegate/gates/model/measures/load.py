"""Load runs against the objectives of the gate and their own. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from tidegate.evidence import EvidenceRecord
from tidegate.gates.model.checks import Check, CheckKind
from tidegate.gates.model.measures.findings import plain
from tidegate.gates.model.measures.standings import Said, StandingSpec, StandingsReading, count_of, measure_standings
from tidegate.gates.model.verdicts import CheckOutcome, CheckResult
from tidegate.kernel.canonical import JsonValue
from tidegate.releases import ReleaseService


@dataclass(frozen=True, slots=True)
class LoadSpec(StandingSpec):
    """A load run met its objectives. `None`: no such bound."""

    kind: ClassVar[CheckKind] = CheckKind.LOAD
    min_requests: int
    max_failure_ratio: float
    p95_ms: float | None
    p99_ms: float | None
    min_requests_per_s: float | None
    min_duration_s: float | None
    needs_thresholds: bool
    """Whether the run has to have bounds of its own, and to have kept them."""

    def define(self) -> Mapping[str, JsonValue]:
        return {
            **self.asked.define(),
            "minRequests": self.min_requests,
            "maxFailureRatio": self.max_failure_ratio,
            "p95Ms": self.p95_ms,
            "p99Ms": self.p99_ms,
            "minRequestsPerS": self.min_requests_per_s,
            "minDurationS": self.min_duration_s,
            "thresholds": "required" if self.needs_thresholds else "if-any",
        }


@dataclass(frozen=True, slots=True)
class _Figure:
    """One figure, and whether it keeps its bound; `None`: the run does not say it."""

    is_kept: bool | None
    words: str


def measure_load(check: Check, reading: StandingsReading, *, now: datetime) -> CheckResult:
    spec = check.spec
    assert isinstance(spec, LoadSpec)  # noqa: S101 - measures are chosen by kind

    def say(record: EvidenceRecord, services: Sequence[ReleaseService]) -> Said:  # noqa: ARG001 - a run is of its subject
        return _say(spec, record.summary)

    return measure_standings(check, reading, say, now=now, bound=_bound(spec))


def _bound(spec: LoadSpec) -> str:
    bounds = [f"failures <= {spec.max_failure_ratio:.4g}", f"{spec.min_requests} requests"]
    bounds += [f"p95 <= {spec.p95_ms:g} ms"] if spec.p95_ms is not None else []
    bounds += [f"p99 <= {spec.p99_ms:g} ms"] if spec.p99_ms is not None else []
    bounds += [f"rate >= {spec.min_requests_per_s:g}/s"] if spec.min_requests_per_s is not None else []
    bounds += [f"duration >= {spec.min_duration_s:g} s"] if spec.min_duration_s is not None else []
    bounds += ["its own thresholds"] if spec.needs_thresholds else []
    return ", ".join(bounds)


def _say(spec: LoadSpec, summary: Mapping[str, object]) -> Said:
    requests = count_of(summary, "requestCount")
    if requests is None:
        return Said(CheckOutcome.INCONCLUSIVE, "does not say how many requests were made")
    if requests == 0:
        return Said(CheckOutcome.MISSING, "made no request: a run without load proves nothing", "0 requests")
    figures = [*_figures(spec, summary), *_thresholds(spec, summary)]
    value = "; ".join(figure.words for figure in figures if figure.is_kept is not None)
    missed = [figure.words for figure in figures if figure.is_kept is False]
    if missed:
        step = "make it faster, or change the bound in the gate file, and run it again"
        return Said(
            CheckOutcome.FAILED, f"missed {len(missed)} objectives (allowed 0): {'; '.join(missed)}", value, step
        )
    unknown = [figure.words for figure in figures if figure.is_kept is None]
    if unknown:
        step = "have the tool write it, or take the bound out of the gate file"
        return Said(CheckOutcome.INCONCLUSIVE, f"does not say all that is asked: {'; '.join(unknown)}", value, step)
    if requests < spec.min_requests:
        words = f"made {requests} requests (needed {spec.min_requests}): too few to say"
        return Said(CheckOutcome.INCONCLUSIVE, words, value, "run it longer, or with more load")
    return Said(CheckOutcome.PASSED, f"met its objectives in {requests} requests: {value}", value)


def _figures(spec: LoadSpec, summary: Mapping[str, object]) -> Iterator[_Figure]:
    failures = _number(summary, "failureRatio")
    yield _at_most("failures", failures, spec.max_failure_ratio, "")
    if spec.p95_ms is not None:
        yield _at_most("p95", _number(summary, "p95Ms"), spec.p95_ms, " ms")
    if spec.p99_ms is not None:
        yield _at_most("p99", _number(summary, "p99Ms"), spec.p99_ms, " ms")
    if spec.min_requests_per_s is not None:
        yield _at_least("rate", _number(summary, "requestsPerS"), spec.min_requests_per_s, "/s")
    if spec.min_duration_s is not None:
        yield _at_least("duration", _number(summary, "durationS"), spec.min_duration_s, " s")


def _thresholds(spec: LoadSpec, summary: Mapping[str, object]) -> Iterator[_Figure]:
    count, crossed = count_of(summary, "thresholdCount"), count_of(summary, "crossedCount")
    if crossed:
        entries = summary.get("crossed")
        first = plain(str(entries[0])) if isinstance(entries, list | tuple) and entries else "not named"
        yield _Figure(False, f"{crossed} of its own thresholds crossed, first {first}")
    elif spec.needs_thresholds and not count:
        yield _Figure(None, "its own thresholds (it has none, or its format has no place for them)")
    elif spec.needs_thresholds:
        yield _Figure(None if crossed is None else True, f"its own {count} thresholds kept")


def _at_most(name: str, found: float | None, bound: float, unit: str) -> _Figure:
    is_kept = None if found is None else found <= bound
    return _Figure(is_kept, f"{name} {_written(found)}{unit} (at most {bound:g}{unit})")


def _at_least(name: str, found: float | None, bound: float, unit: str) -> _Figure:
    is_kept = None if found is None else found >= bound
    return _Figure(is_kept, f"{name} {_written(found)}{unit} (at least {bound:g}{unit})")


def _written(found: float | None) -> str:
    return "unknown" if found is None else f"{found:.4g}"


def _number(summary: Mapping[str, object], name: str) -> float | None:
    """Return a figure that is a finite number of at least zero; NaN and less than nothing are none."""
    found = summary.get(name)
    if isinstance(found, bool) or not isinstance(found, int | float) or not 0 <= found < float("inf"):
        return None
    return float(found)
