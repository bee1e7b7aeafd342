"""Made-up worlds for the property of verdicts: what a gate reads, and everything bad that can happen to it.

A world holds what the sources read, in the forms that the real measures take; authorization runs are kept as stored
bodies and go through the real reading, digest check included. `evaluate` runs the real measures and the real `decide`
unless it is given others.

`spoil` removes, expires, corrupts or re-dates inputs. It leaves out what would be a new measurement instead: a
run that is received later, an alert that the evaluator closes (the server may not delete alerts, nor the heads of
subjects), and a run whose sender moves the end closer to its receipt before sending it.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from tests.unit.gates.evidence_worlds import Stored, checks, make_stored, measure_stored, spoil_stored

from tidegate.gates.expressions import CelBound, compile_bound
from tidegate.gates.kinds.regression import subject_of_authz
from tidegate.gates.model import (
    Check,
    CheckResult,
    CheckSpec,
    Gate,
    OpenAlert,
    QuietReading,
    QuietSpec,
    RegressionSpec,
    RunSource,
    Score,
    SignalReading,
    SignalSpec,
    StandingSpec,
    SubjectReading,
    Verdict,
    Waiver,
    decide,
    measure_quiet,
    measure_regression,
    measure_signal,
    score_of,
)
from tidegate.gates.model.waiving import waive
from tidegate.isolation import AuthzStanding, AuthzSubject
from tidegate.isolation.model import read_run
from tidegate.kernel import GateId, ReleaseId, digest_of, format_utc
from tidegate.releases import ReleaseService
from tidegate.signals import Family, Totals

NOW = datetime(2026, 2, 7, 14, 0, tzinfo=UTC)
SERVICES = (ReleaseService("harbor", "7", "c0ffee"), ReleaseService("web", "3", "beef"))
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
GATE_ID, RELEASE_ID = GateId("g"), ReleaseId("rel_1")

BOUNDS = [
    (family, compile_bound(text, family, field="expression"), warn and compile_bound(warn, family, field="warn"))
    for family, text, warn in (
        (Family.AUTH, "failureRate < 0.20", None),
        (Family.AUTH, "failureRate < 0.20 && unauthorizedCount < 10", "failureRate < 0.10"),
        (Family.AI_RUN, "averageCostPerRunUsd < 0.50", None),
        (Family.AI_RUN, "!(schemaMismatchRate >= 0.05) || policyBlockRate < 0.01", None),
        (Family.REQUEST, "requestCount > 30 ? failureRate < 0.02 : failureRate < 0.10", None),
    )
]


@dataclass
class StoredRun:
    body: dict[str, Any]
    digest: str
    received_at: datetime


@dataclass
class World:
    checks: list[Check]
    holds_on_warning: bool
    bounds: list[tuple[CelBound, CelBound | None] | None]
    signals: list[dict[str, SignalReading | None]]
    quiets: list[tuple[QuietReading | None, dict[str, int | None]]]
    runs: list[list[tuple[AuthzSubject, StoredRun | None]]]
    evidence: list[list[Stored]] = field(default_factory=list)
    waivers: list[tuple[Waiver, str]] = field(default_factory=list)
    """Each with the digest that is stored beside it."""
    services: Sequence[ReleaseService] = field(default_factory=lambda: SERVICES[:1])
    score: Score | None = None
    touched: set[int] = field(default_factory=set)
    """Positions of the checks whose inputs were spoiled; what is shared with the original is copied first."""


Results = Mapping[int, CheckResult]
Decide = Callable[..., Verdict]
ReadSubject = Callable[[AuthzSubject, StoredRun | None], SubjectReading]


def read_subject(subject: AuthzSubject, stored: StoredRun | None) -> SubjectReading:
    """Read a stored run as the store does."""
    if stored is None:
        return subject_of_authz(AuthzStanding(subject, 7, None))
    run = read_run(stored.body, digest=stored.digest, subject=subject, received_at=stored.received_at, sequence=7)
    return subject_of_authz(AuthzStanding(subject, 7, run))


def evaluate(
    world: World, *, decide: Decide = decide, read: ReadSubject = read_subject, known: Results | None = None
) -> Verdict:
    """Measure and decide; what is `known` already of a check is not measured again."""
    results = [(known or {}).get(position) or measure(world, position, read) for position in range(len(world.checks))]
    if world.waivers:
        waivers = [replace(waiver, is_intact=waiver.digest == digest) for waiver, digest in world.waivers]
        results = list(waive(gate_of(world), RELEASE_ID, results, waivers, now=NOW))
    verdict = decide(results, holds_on_warning=world.holds_on_warning)
    if world.score is None:
        return verdict
    scored = score_of(results, world.score, holds_on_warning=world.holds_on_warning).verdict
    return max(verdict, scored, key=[Verdict.GO, Verdict.HOLD, Verdict.NO_GO].index)


def gate_of(world: World) -> Gate:
    return Gate(
        GATE_ID,
        "G",
        "o",
        tuple(world.checks),
        "sha256:0",
        1,
        holds_on_warning=world.holds_on_warning,
        score=world.score,
    )


def measure(world: World, position: int, read: ReadSubject = read_subject) -> CheckResult:
    check = world.checks[position]
    match check.spec:
        case SignalSpec():
            bounds = world.bounds[position]
            assert bounds is not None
            return measure_signal(check, world.signals[position], bound=bounds[0], warn_bound=bounds[1], now=NOW)
        case QuietSpec():
            quiet, activity = world.quiets[position]
            return measure_quiet(check, quiet, activity, now=NOW)
        case RegressionSpec():
            subjects = [read(subject, run) for subject, run in world.runs[position]]
            return measure_regression(check, world.services, subjects, now=NOW)
        case _:
            return measure_stored(check, world.evidence[position])


def make_world(random: Random) -> World:
    """Return a world in which most things are well and some are not."""
    services = SERVICES[: random.choice((1, 1, 1, 2))]
    world = World([], random.random() < 0.1, [], [], [], [], services=services)
    if random.random() < 0.2:
        world.score = Score(0.9, random.choice((0.9, 0.5)))
    for position in range(random.choice((0, 1, 1, 1, 2, 2, 3))):
        family, bound, warn = random.choice(BOUNDS)
        spec = random.choice((_signal_spec, _quiet_spec, _regression_spec, _standing_spec))(random, family, bound)
        world.checks.append(
            Check(
                f"c{position}",
                "Check",
                "sre",
                spec,
                required=random.random() < 0.9,
                weight=random.choice((0.0, 1.0, 1.0, 3.0)),
            )
        )
        world.bounds.append((bound, warn))
        world.signals.append({own.service: _signal(random) for own in services})
        world.quiets.append(
            (_quiet(random), {own.service: random.choice((1, 40, 40, 40, 40, 40, 0)) for own in services})
        )
        world.runs.append([one for own in services for one in _runs(random, own)])
        world.evidence.append(make_stored(random, spec) if isinstance(spec, StandingSpec) else [])
        if random.random() < 0.2:
            world.waivers.append(_waiver(random, world.checks[-1]))
    return world


def _waiver(random: Random, check: Check) -> tuple[Waiver, str]:
    given = Waiver(
        id="wvr_1",
        gate_id=random.choice((GATE_ID, GATE_ID, GATE_ID, GateId("other"))),
        check_id=check.id,
        question=random.choice((check.question, check.question, check.question, "sha256:0")),
        release_id=random.choice((None, RELEASE_ID, RELEASE_ID, ReleaseId("rel_2"))),
        release_name=None,
        tenant=None,
        owner="ann",
        reason="known",
        outcome="failed",
        given_by="usr_ann",
        given_at=NOW - DAY,
        expires_at=NOW + random.choice((HOUR, HOUR, HOUR, DAY, timedelta(), -HOUR)),
    )
    return given, given.digest


def _signal_spec(random: Random, family: Family, bound: CelBound) -> SignalSpec:
    return SignalSpec(family, HOUR / 4, bound.source, None, random.choice((1, 20, 50)), None, None, False)


def _quiet_spec(random: Random, family: Family, bound: CelBound) -> QuietSpec:
    return QuietSpec(("auth_failure_rate_high",), HOUR, None)


def _regression_spec(random: Random, family: Family, bound: CelBound) -> RegressionSpec:
    suite = random.choice((None, "authz"))
    return RegressionSpec(RunSource.AUTHZ, suite, DAY, None, random.random() < 0.3, random.random() < 0.3)


def _standing_spec(random: Random, family: Family, bound: CelBound) -> CheckSpec:
    return random.choice(checks())


def _signal(random: Random) -> SignalReading | None:
    if random.random() < 0.03:
        return None
    count = random.choice((0, 15, 60, 400, 400, 400, 400))
    bad = int(count * random.choice((0, 0, 0, 0.01, 0.15, 0.3)))
    totals = Totals(
        count=count,
        success_count=count - bad,
        failure_count=bad,
        unauthorized_count=min(bad, random.choice((0, 3, 30))),
        policy_blocked_count=bad // 2,
        validation_error_count=bad - bad // 2,
        priced_count=count if random.random() < 0.9 else 0,
        cost_nano_usd=count * random.choice((10_000_000, 900_000_000)),
        distrusted_count=random.choice((0, 0, 0, 0, 0, 1, 50)),
    )
    return SignalReading(totals, NOW - timedelta(seconds=random.choice((0, 0, 0, 0, 0, 5, 30))))


def _quiet(random: Random) -> QuietReading | None:
    if random.random() < 0.03:
        return None
    alerts = (OpenAlert("alr_1", "auth_failure_rate_high", "harbor", NOW - HOUR / 2),) if random.random() < 0.15 else ()
    closed = random.choice((None, None, None, None, NOW - HOUR / 2, NOW - 2 * HOUR))
    evaluated = random.choice((NOW, NOW, NOW, NOW, NOW - timedelta(seconds=30), None))
    return QuietReading(alerts, closed, evaluated, random.choice((NOW - DAY, NOW - DAY, NOW - HOUR / 3, None)))


def _runs(random: Random, own: ReleaseService) -> list[tuple[AuthzSubject, StoredRun | None]]:
    suites = random.choice((("authz",), ("authz",), ("authz", "extra"), ()))
    runs = []
    for suite in suites:
        commit = own.commit if random.random() < 0.95 else "other"
        received = NOW - random.choice((HOUR, HOUR, HOUR, HOUR, 2 * DAY))
        finished = received - random.choice((timedelta(), timedelta(), timedelta(), HOUR, 3 * DAY, -HOUR))
        outcomes = random.choice((["passed"], ["passed", "passed"], ["passed", "failed"], ["passed", "skipped"], []))
        body = {
            "suite": suite,
            "service": own.service,
            "commit": commit,
            "runId": "r",
            "startedAt": format_utc(finished),
            "finishedAt": format_utc(finished),
            "cases": [_case(random, str(number), outcome) for number, outcome in enumerate(outcomes)],
        }
        runs.append((AuthzSubject(own.service, commit, suite), StoredRun(body, digest_of(body), received)))
    return runs


def _case(random: Random, name: str, outcome: str) -> dict[str, str]:
    actor = random.choice(("foreign_owner", "owner"))
    operation = "GET /workspaces/{workspaceId}"
    return {"id": name, "operation": operation, "actor": actor, "expected": "403", "actual": "403", "outcome": outcome}


def spoil(random: Random, world: World) -> World:
    """Return a copy of `world` with one to three inputs removed, expired, corrupted or re-dated."""
    spoiled = World(
        world.checks,
        world.holds_on_warning,
        world.bounds,
        list(world.signals),
        list(world.quiets),
        list(world.runs),
        list(world.evidence),
        list(world.waivers),
        world.services,
        world.score,
    )
    for _ in range(random.choice((1, 1, 2, 3))):
        if spoiled.checks:
            position = random.randrange(len(spoiled.checks))
            spoiled.touched.add(position)
            _SPOILS.get(type(spoiled.checks[position].spec), _spoil_evidence)(random, spoiled, position)
        if spoiled.waivers and random.random() < 0.3:
            _spoil_waiver(random, spoiled)
    return spoiled


def _spoil_waiver(random: Random, world: World) -> None:
    chosen = random.randrange(len(world.waivers))
    waiver, digest = world.waivers[chosen]
    question = next((one.question for one in world.checks if one.id == waiver.check_id), "")
    changes: dict[str, Any] | None = random.choice(
        (
            None,
            {"ended_at": NOW, "ended_by": "usr_ann"},
            {"expires_at": waiver.expires_at - 2 * DAY},
            {"expires_at": waiver.expires_at + 30 * DAY},
            {"given_at": NOW + DAY},
            {"gate_id": GATE_ID, "release_id": None},
            {"question": question},
        )
    )
    changed = None if changes is None else replace(waiver, **changes)
    # What was altered keeps the digest of what was given.
    world.waivers[chosen : chosen + 1] = [] if changed is None else [(changed, digest)]


def _spoil_signal(random: Random, world: World, position: int) -> None:
    readings = world.signals[position] = dict(world.signals[position])
    service = random.choice(list(readings))
    reading = readings[service]
    if reading is None:
        return
    totals = reading.totals
    if random.random() < 0.25:
        moved = random.choice((-HOUR, HOUR))
        readings[service] = SignalReading(totals, reading.read_at + moved)
        return
    # All alternatives are dicts: one `replace` costs as much as the rest of this.
    changes: dict[str, int] | None = random.choice(
        (
            None,
            dict.fromkeys((one.name for one in fields(Totals)), 0),
            {"failure_count": -1 - totals.failure_count},
            {"success_count": totals.count + 1},
            {"distrusted_count": totals.distrusted_count + totals.count},
            {"priced_count": 0, "cost_nano_usd": 0},
        )
    )
    readings[service] = None if changes is None else SignalReading(replace(totals, **changes), reading.read_at)


def _spoil_quiet(random: Random, world: World, position: int) -> None:
    quiet, activity = world.quiets[position]
    if random.random() < 0.3:
        world.quiets[position] = (quiet, activity := dict(activity))
        activity[random.choice(list(activity))] = random.choice((None, 0))
        return
    if quiet is None:
        return
    changes: dict[str, Any] | None = random.choice(
        (
            None,
            {"open_alerts": tuple(replace(one, code="?", service="?", since=NOW - DAY) for one in quiet.open_alerts)},
            {"evaluated_at": None},
            {"evaluated_at": min(quiet.evaluated_at or NOW, NOW) - HOUR},
            {"evaluated_at": NOW + HOUR},
            {"watched_since": None},
            {"watched_since": NOW - timedelta(minutes=1)},
            {"last_closed_at": NOW - timedelta(minutes=1)},
        )
    )
    world.quiets[position] = (None if changes is None else replace(quiet, **changes), activity)


def _spoil_run(random: Random, world: World, position: int) -> None:
    runs = world.runs[position] = list(world.runs[position])
    if not runs:
        return
    chosen = random.randrange(len(runs))
    subject, stored = runs[chosen]
    if stored is None:
        return
    how = random.choice(
        (_delete_run, _expire_run, _tamper_outcome, _tamper_date, _send_further, _drop_case, _move_commit)
    )
    body = {**stored.body, "cases": [dict(case) for case in stored.body["cases"]]}
    runs[chosen] = (subject, how(random, StoredRun(body, stored.digest, stored.received_at)))


def _spoil_evidence(random: Random, world: World, position: int) -> None:
    world.evidence[position] = spoil_stored(random, world.evidence[position])


_SPOILS: Mapping[type, Callable[[Random, World, int], None]] = {
    SignalSpec: _spoil_signal,
    QuietSpec: _spoil_quiet,
    RegressionSpec: _spoil_run,
}


def _delete_run(random: Random, stored: StoredRun) -> StoredRun | None:
    return None


def _expire_run(random: Random, stored: StoredRun) -> StoredRun | None:
    return replace(stored, received_at=stored.received_at - 2 * DAY)


def _tamper_outcome(random: Random, stored: StoredRun) -> StoredRun | None:
    for case in stored.body["cases"]:
        case["outcome"] = "passed"
    return stored


def _tamper_date(random: Random, stored: StoredRun) -> StoredRun | None:
    moved = stored.received_at + random.choice((timedelta(), -HOUR, -5 * DAY, DAY))
    stored.body["finishedAt"] = format_utc(moved)
    return stored


def _send_further(random: Random, stored: StoredRun) -> StoredRun | None:
    """Re-date before sending: the claimed end moves further from the receipt, back or ahead."""
    if digest_of(stored.body) != stored.digest:
        return stored  # tampered with after it was sent
    finished = datetime.fromisoformat(stored.body["finishedAt"])
    away = -1 if finished <= stored.received_at else 1
    moved = random.choice((finished + away * HOUR, finished + away * 5 * DAY, max(finished, stored.received_at) + DAY))
    stored.body["finishedAt"] = format_utc(moved)
    return replace(stored, digest=digest_of(stored.body))


def _drop_case(random: Random, stored: StoredRun) -> StoredRun | None:
    stored.body["cases"] = [case for case in stored.body["cases"] if case["outcome"] == "passed"]
    return stored


def _move_commit(random: Random, stored: StoredRun) -> StoredRun | None:
    stored.body["commit"] = "c0ffee"
    return stored


@dataclass(frozen=True)
class Violation:
    original: World
    original_verdict: Verdict
    spoiled: World


def find_violation(
    seed: int, cases: int, *, decide: Decide = decide, read: ReadSubject = read_subject
) -> tuple[Violation | None, int]:
    """Return the first world that goes only after it was spoiled, and how many spoiled worlds went at all.

    Several spoiled worlds are made of each world. What is not spoiled is measured once: a result rests on the inputs of
    its check alone. The original is decided only when a spoiled one goes.
    """
    random = Random(seed)
    went = 0
    world, known = _measured(random, read)
    for number in range(cases):
        if number % _SPOILED_OF_EACH == 0:
            world, known = _measured(random, read)
        spoiled = spoil(random, world)
        same = {position: result for position, result in known.items() if position not in spoiled.touched}
        if evaluate(spoiled, decide=decide, read=read, known=same) is not Verdict.GO:
            continue
        went += 1
        verdict = evaluate(world, decide=decide, read=read, known=known)
        if verdict is not Verdict.GO:
            return Violation(world, verdict, spoiled), went
    return None, went


_SPOILED_OF_EACH = 12


def _measured(random: Random, read: ReadSubject) -> tuple[World, dict[int, CheckResult]]:
    world = make_world(random)
    return world, {position: measure(world, position, read) for position in range(len(world.checks))}
