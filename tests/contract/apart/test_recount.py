"""Every window, grouping and resolution equals a recount of the stored rows in plain Python."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from tests.doing import BY
from tests.price_books import QuotingBook
from tests.recounting import Event, events_of, totals_of
from tests.signals_rows import NANO, Pipeline, Row, bits, log_row, span_row

from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Dimension, Family, SignalScope, Totals
from tidegate.signals.prices.model import Quote, Usage
from tidegate.signals.roller import Roller
from tidegate.signals.tasks import build_recounts
from tidegate.storage import Database
from tidegate.storage.telemetry import TelemetryEngine
from tidegate.testing import FakeClock

FAMILIES = tuple(family for family in Family if family is not Family.RUNTIME)
DIMENSIONS: tuple[Dimension, ...] = (
    "tenant", "service", "route", "status", "error_code", "object", "outcome", "detail", "model", "release",
)  # fmt: skip
_AGES_S = (0, 0, 0, 0, 0, 40 * 86_400)  # now, and as a recording of weeks ago
_STEPS = (1, 7, 60, 300, 3_600)
_AT_ONCE = 4


@dataclass(frozen=True)
class Book(QuotingBook):
    nano: int

    def quote(self, usage: Usage, /) -> Quote:
        return Quote(None if usage.model == "unknown" else usage.input_tokens * self.nano, f"v{self.nano}")


class Books:
    def __init__(self) -> None:
        self.book = Book(2)

    async def books_of(self, workspaces: Collection[WorkspaceId]) -> Mapping[WorkspaceId, Book]:
        return dict.fromkeys(workspaces, self.book)


@dataclass
class Stream:
    """Random telemetry of some hours, in an order of its own."""

    random: Random
    workspace: WorkspaceId
    now_s: int
    spans: list[Row] = field(default_factory=list)
    logs: list[Row] = field(default_factory=list)

    def grow(self, count: int) -> None:
        for _ in range(count):
            kind = self.random.choice(["trace", "trace", "request", "event", "log"])
            if kind == "trace":
                self.spans += self._trace()
            elif kind == "request":
                self.spans.append(span_row(self.workspace, **self._facts(), **self._request()))
            elif kind == "event":
                self.spans.append(span_row(self.workspace, **self._facts(), **self._event()))
            else:
                facts = self._facts()
                end_ns = facts.pop("end_ns")
                self.logs.append(log_row(self.workspace, time_ns=end_ns, **facts, **self._event()))

    def _at_ns(self) -> int:
        age_s = self.random.choice([1, 3, 8, 30, 61, 200, 1_000, 3_000, 3_700, 6_000, 9_000])
        age_s = self.random.randrange(age_s) + self.random.choice(_AGES_S)
        return (self.now_s - age_s) * NANO + self.random.randrange(NANO)

    def _facts(self) -> Row:
        at_ns, random = self._at_ns(), self.random
        is_distrusted = random.random() < 0.06
        return {
            "end_ns": at_ns - (366 * 86_400 * NANO if is_distrusted else 0),
            "received_ns": (self.now_s - random.randrange(40)) * NANO,
            "distrusted": int(is_distrusted),
            "replayed": int(not is_distrusted and random.random() < 0.1),
            "is_sampled": int(random.random() < 0.05),
            "weight_milli": random.choice([1000, 1000, 1000, 1333, 20_000]),
            "service": random.choice(["harbor", "pier"]),
            "release": random.choice(["1", "2"]),
            "tenant": random.choice(["", "acme", "globex", "initech"]),
            "error_type": random.choice(["", "", "timeout", "denied"]),
        }

    def _request(self) -> Row:
        random = self.random
        return {
            "families": random.choice([bits("request"), bits("request", "auth"), bits("request", "tenant")]),
            "http_method": "GET",
            "http_status": random.choice([0, 200, 204, 302, 401, 403, 404, 500, 503]),
            "route": random.choice(["/a", "/b", ""]),
            "auth_method": random.choice(["", "password"]),
            "denial_class": random.choice(["", "", "cross_tenant", "membership", "role"]),
            "principal_tenant": random.choice(["", "acme", "globex"]),
            "target_tenant": random.choice(["", "acme", "globex"]),
            "is_granted": random.choice([0, 0, 1]),
            "lifecycle_action": random.choice(["", "", "create"]),
            "lifecycle_outcome": random.choice(["ok", "failed", "out_of_order"]),
            "duration_ns": random.randrange(4_000_000_000),
        }

    def _event(self) -> Row:
        random = self.random
        name, outcomes, details = random.choice(_EVENTS)
        return {
            "families": bits(name),
            "object": random.choice(["x", "y", "citation_coverage", "groundedness"]),
            "outcome": random.choice(outcomes),
            "detail": random.choice(details),
            "wait_ns": random.randrange(10**9),
            "amount_micro": random.choice([None, 5, 700_000, -3, 2**40]),
            "limit_micro": random.choice([None, 10**6, 10**7]),
            "duration_ns": random.randrange(10**9),
        }

    def _trace(self) -> Iterator[Row]:
        """Yield a tree of spans, or what hostile or broken senders make of one."""
        random, trace_id, base_ns = self.random, f"{self.random.getrandbits(128):032x}", self._at_ns()
        ids = [f"{random.getrandbits(64) | 1:016x}" for _ in range(random.randrange(1, 8))]
        for place, span_id in enumerate(ids):
            parent = random.choice([*ids[: place + 1], *ids[:place], "", f"{random.getrandbits(64) | 1:016x}"])
            role, operation = random.choice(_ROLES)
            facts = self._facts() | {"error_type": random.choice(["", "", "timeout", "denied"]) if role else ""}
            end_ns = base_ns + random.choice([0, 10**6, NANO, 5 * NANO, 30 * NANO, 1_000 * NANO])
            end_ns = min(end_ns, self.now_s * NANO)
            spent_ns = random.choice([0, 10**6, NANO, 20 * NANO, 3_000 * NANO, 5_000 * NANO])
            outcome = random.choice(["ok", "ok", "failed", "policy_blocked", "validation_error", "cancelled"])
            yield span_row(
                self.workspace,
                **facts
                | {
                    "trace_id": trace_id, "span_id": span_id, "parent_span_id": parent, "end_ns": end_ns,
                    "start_ns": end_ns - spent_ns, "distrusted": 0, "role": role, "operation": operation,
                    "run_outcome": outcome if role else "", "model": random.choice(["", "m", "n", "unknown"]),
                    "provider": random.choice(["", "p"]), "agent_name": random.choice(["", "helper"]),
                    "tool": "search" if operation == "execute_tool" else "",
                    "input_tokens": random.randrange(1_000), "output_tokens": random.randrange(100),
                    "cached_input_tokens": random.randrange(100),
                    "cost_nano_usd": random.choice([None, None, 10, 12_345]),
                },
            )  # fmt: skip


_EVENTS: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("tool_call", ("ok", "failed", "timeout", "denied"), ("",)),
    ("ingestion", ("done", "retry", "dead_letter", "failed", "sent"), ("", "parse")),
    ("retrieval", ("ok", "failed", "empty"), ("",)),
    ("delivery", ("ok", "failed", "dead_letter"), ("", "valid", "invalid", "duplicate")),
    ("access_sync", ("ok", "failed"), ("", "on→off")),
    ("usage", ("ok", "refused"), ("",)),
    ("policy", ("allow", "deny"), ("",)),
    ("evaluation", ("ok",), ("good",)),
    ("auth", ("success", "failure", "unauthorized"), ("",)),
)
_ROLES = (("", ""), ("agent", "invoke_agent"), ("inference", "chat"), ("inference", "chat"), ("step", "execute_tool"))


async def deliver(pipeline: Pipeline, stream: Stream) -> None:
    """Send everything in pieces, some of it again in other company, counted in between."""
    random = stream.random
    rows = [("spans", row) for row in stream.spans] + [("logs", row) for row in stream.logs]
    random.shuffle(rows)
    most = max(40, len(rows) // 25)
    sent: list[tuple[str, Row]] = []
    while rows or random.random() < 0.3:
        piece = [rows.pop() for _ in range(min(len(rows), random.randrange(1, most)))]
        again = [(kind, _received_later(row, random)) for kind, row in random.sample(sent, min(len(sent), most // 8))]
        sent += piece
        both = piece + again
        if both:
            stream_rows = {name: [row for kind, row in both if kind == name] for name in ("spans", "logs")}
            await pipeline.flush(stream_rows["spans"], stream_rows["logs"])
        if random.random() < 0.4:
            await pipeline.close()
    await pipeline.close()


def _received_later(row: Row, random: Random) -> Row:
    later = row["received_ns"] + random.randrange(10 * NANO)
    return {**row, "received_ns": later, "precedence": row["precedence"] - (later - row["received_ns"])}


async def work_off(pipeline: Pipeline) -> None:
    await pipeline.close()
    for chore in pipeline.closer.chores:
        if isinstance(chore, Roller):
            chore._next_s = 0
    while await pipeline.closer.step():
        await pipeline.close()


class Recount:
    """Compares, and counts how much it compared."""

    def __init__(self, pipeline: Pipeline, workspace: WorkspaceId, clock: FakeClock) -> None:
        self._reader = pipeline.reader
        self._workspace = workspace
        self._clock = clock
        self.events: Sequence[Event] = ()
        self.case_count = 0

    async def compare(self, random: Random, rounds: int) -> None:
        """Ask `rounds` times, some at once."""
        for start in range(0, rounds, _AT_ONCE):
            some = range(min(_AT_ONCE, rounds - start))
            await asyncio.gather(*(self._ask(Random(random.random())) for _ in some))

    async def _ask(self, random: Random) -> None:
        family, window = random.choice(FAMILIES), self._window(random)
        scope = self._scope(random)
        step_s = await self._reader.resolution_s(self._workspace, window) if window is not None else 1
        found = [event for event in self._within(family, window, scope, step_s) if "arrived" not in event]
        totals = await self._reader.totals(self._workspace, family, window, scope=scope)
        self._equal(replace(totals, distrusted_count=0), totals_of(found), (family, window, scope))
        hidden = totals_of(self._hidden(family, window, scope)).distrusted_count
        assert totals.distrusted_count == hidden, (family, window, scope)
        for by in random.sample(DIMENSIONS, 2):
            split = await self._reader.totals_by(self._workspace, family, window, by=by, scope=scope)
            self._equal_by(split, found, by, (family, window, scope, by))
        if window is not None:
            await self._compare_groups(family, window, step_s)
            await self._compare_series(random, family, window, scope, found)

    async def _compare_groups(self, family: Family, window: TimeRange, step_s: int) -> None:
        """What rules read: every service and tenant, of one workspace or of several at once."""
        live = [event for event in self._within(family, window, _LIVE, step_s) if "arrived" not in event]
        for workspaces in ([self._workspace], [self._workspace, WorkspaceId("default")]):
            groups = await self._reader.groups(workspaces, family, window)
            told = {(group.service, group.tenant): group.totals for group in groups if group.workspace != "default"}
            for service in ("harbor", "pier"):
                for tenant in (None, "acme", "globex", "initech"):
                    own = [one for one in live if one["service"] == service and tenant in {None, one["tenant"]}]
                    self._equal(
                        told.get((service, tenant), Totals()), totals_of(own), (family, window, service, tenant)
                    )

    async def _compare_series(
        self, random: Random, family: Family, window: TimeRange, scope: SignalScope, found: Sequence[Event]
    ) -> None:
        finest = await self._reader.resolution_s(self._workspace, window)
        step = random.choice([step for step in _STEPS if step % finest == 0])
        by = random.choice([None, *DIMENSIONS])
        points = await self._reader.series(
            self._workspace, family, window, step_s=step, by=by, scope=scope, limit=1_000
        )
        buckets: defaultdict[tuple[int, str], list[Event]] = defaultdict(list)
        for event in found:
            start = event["second"] - event["second"] % step
            buckets[start, str(event[by]) if by is not None else ""].append(event)
        told = {(int(point.start.timestamp()), point.key): point.totals for point in points}
        for key in told.keys() | buckets.keys():
            self._equal(told.get(key, Totals()), totals_of(buckets[key]), (family, window, scope, step, by, key))
        durations = await self._reader.quantiles(self._workspace, family, window, scope=replace(scope, tenant=None))
        if scope.tenant is None and family in {Family.REQUEST, Family.AI_RUN} and scope.outcome is None:
            weights = sum(event["totals"]["count"] for event in found)
            assert (durations[""].count if durations else 0) == weights // 1000
            self.case_count += 1

    def _equal(self, told: Totals, counted: Totals, where: object) -> None:
        assert told == counted, where
        self.case_count += 1

    def _equal_by(self, told: Mapping[str, Totals], found: Sequence[Event], by: str, where: object) -> None:
        keys: defaultdict[str, list[Event]] = defaultdict(list)
        for event in found:
            keys[str(event[by])].append(event)
        for key in told.keys() | keys.keys():
            self._equal(told.get(key, Totals()), totals_of(keys[key]), (where, key))

    def _window(self, random: Random) -> TimeRange | None:
        if random.random() < 0.15:
            return None
        now = self._clock.now().replace(microsecond=0) - timedelta(seconds=random.choice(_AGES_S))
        start = now - timedelta(seconds=random.choice([5, 300, 900, 3_600, 7_000, 12_000]) + random.randrange(60))
        return TimeRange(start, start + timedelta(seconds=random.choice([1, 61, 900, 3_600, 3_661, 14_000, 14_000])))

    def _scope(self, random: Random) -> SignalScope:
        if random.random() < 0.4:
            return SignalScope()
        return SignalScope(
            service=random.choice([None, "harbor"]),
            tenant=random.choice([None, None, "acme", ""]),
            release=random.choice([None, "2"]),
            outcome=random.choice([None, None, None, "failed"]),
            replayed=random.choice([None, None, False, True]),
        )

    def _within(self, family: Family, window: TimeRange | None, scope: SignalScope, step: int = 1) -> list[Event]:
        start, end = 0, 2**32
        if window is not None:
            start, end = int(window.start.timestamp()), int(window.end.timestamp())
            start, end = start - start % step, end + -end % step
        return [
            event
            for event in self.events
            if event["family"] is family and start <= event["second"] < end and _fits(event, scope)
        ]

    def _hidden(self, family: Family, window: TimeRange | None, scope: SignalScope) -> list[Event]:
        if family is Family.AI_RUN:
            scope = replace(scope, outcome=None, model=None)
        hidden = [event for event in self._within(family, None, scope) if "arrived" in event]
        if family is Family.RETRIEVAL:
            hidden = [event for event in hidden if event["duration_us"] is not None]
        if window is None:
            return hidden
        start, end = window.start.timestamp(), window.end.timestamp()
        return [event for event in hidden if start <= event["arrived"] < end]


def _fits(event: Event, scope: SignalScope) -> bool:
    wanted = {name: getattr(scope, name) for name in ("service", "tenant", "release", "outcome")}
    return all(value is None or event[name] == value for name, value in wanted.items()) and (
        scope.replayed is None or bool(event["replayed"]) == scope.replayed
    )


_LIVE = SignalScope(replayed=False)


async def recount(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId, *, seed: int, size: int, rounds: int
) -> int:
    """Send, compare, make coarser, compare, send late rows and price again, and once more; return the cases."""
    random, clock, books = Random(seed), FakeClock(datetime.now(UTC)), Books()
    pipeline = Pipeline(database, engine, clock=clock, prices=books)
    cases = Recount(pipeline, workspace, clock)
    spans: list[Row] = []
    logs: list[Row] = []
    for turn in range(2):
        stream = Stream(random, workspace, int(clock.now().timestamp()))
        stream.grow(size)
        spans += stream.spans
        logs += stream.logs
        await deliver(pipeline, stream)
        if turn:
            books.book = Book(5)
            await build_recounts(database, clock).begin(workspace, reason="reprice", start=None, end=None, by=BY)
            await work_off(pipeline)
        cases.events = events_of(spans, logs, books.book)
        await cases.compare(random, rounds)
        for _ in range(2):  # minutes, then hours
            clock.advance(timedelta(seconds=200))
            await work_off(pipeline)
        await cases.compare(random, rounds)
    return cases.case_count


@pytest.mark.parametrize("seed", [1])
async def test_random_telemetry_is_counted_as_a_recount_counts_it(
    database: Database, engine: TelemetryEngine, workspace: WorkspaceId, seed: int
) -> None:
    assert await recount(database, engine, workspace, seed=seed, size=60, rounds=6) > 100


@pytest.mark.long
async def test_a_hundred_thousand_random_questions_are_answered_as_a_recount_answers_them(
    database: Database, engine: TelemetryEngine, new_workspace: Callable[[], Awaitable[WorkspaceId]]
) -> None:
    case_count, seed = 0, 1_000
    while case_count < 100_000:
        # A workspace each: the recount knows the rows of its own seed only.
        case_count += await recount(database, engine, await new_workspace(), seed=seed, size=10_000, rounds=150)
        seed += 1
