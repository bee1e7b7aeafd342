"""A workspace with alerts that fire when a test says so, jobs that run at the time of a clock that it turns."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest
from tests.doing import trail_of

from tidegate.alerts import (
    Alert,
    AlertKey,
    AlertState,
    Cause,
    CauseKind,
    PostgresAlertStore,
    PostgresWatchStore,
    Severity,
    Transition,
)
from tidegate.alerts.model import Change
from tidegate.alerts.paging.assembly import Paging, build_paging
from tidegate.alerts.paging.ports import Channel, Message
from tidegate.app.incidents import build_opener
from tidegate.audit import ActorKind, Doer
from tidegate.jobs import PostgresLedger, PostgresOutbox, Worker
from tidegate.kernel import AlertId, RandomIds, WorkspaceId
from tidegate.signals import Family
from tidegate.storage import Connection, Database
from tidegate.testing import FakeClock

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
URL = "https://gate.example"
BY = Doer(ActorKind.PERSON, "ses_one", "usr_one", "req_1")
OTHER = Doer(ActorKind.PERSON, "ses_two", "usr_two", "req_2")


@dataclass
class RecordingCourier:
    """A `Courier` that keeps its promises and remembers what commits: rows of a table that goes with the session."""

    names: Sequence[str] = ("ops", "boss")
    sent: list[tuple[datetime, Message]] = field(default_factory=list)
    clock: FakeClock = field(default_factory=FakeClock)

    async def channels(self, workspace: WorkspaceId) -> Mapping[str, Channel]:
        return {name: Channel(f"chn_{name}", name) for name in self.names}

    async def enqueue(self, connection: Connection, workspace: WorkspaceId, messages: Sequence[Message]) -> None:
        known = {message.id for _, message in self.sent}
        self.sent += [(self.clock.now(), message) for message in messages if message.id not in known]


@dataclass
class Sea:
    """One workspace over a real state store."""

    database: Database
    workspace: WorkspaceId
    clock: FakeClock
    courier: RecordingCourier
    paging: Paging
    alerts: PostgresAlertStore
    worker: Worker
    fence: int
    open: dict[str, Alert] = field(default_factory=dict)
    ids: RandomIds = field(default_factory=RandomIds)

    async def route(self, text: str) -> None:
        await self.paging.routing.apply(self.workspace, text.encode(), by=BY)
        await self.work()

    async def fire(
        self, code: str = "run_failure_rate_high", *, severity: Severity = Severity.P1, service: str = "api",
        tenants: Sequence[str | None] = (None,),
    ) -> list[Alert]:  # fmt: skip
        """Let alerts fire, in one transaction."""
        made = [
            make_alert(self.workspace, self.ids.new_id("alr"), code, severity, service, tenant, at=self.clock.now())
            for tenant in tenants
        ]
        await self.alerts.add_changes(self.workspace, [_fired(alert) for alert in made], fence=self.fence)
        return made

    async def resolve(self, *alerts: Alert) -> None:
        await self.alerts.add_changes(
            self.workspace, [_resolved(alert, self.clock.now()) for alert in alerts], fence=self.fence
        )

    async def work(self) -> None:
        """Run all jobs that are due."""
        while await self.worker.run_once():
            pass

    async def pass_time(self, length: timedelta, *, step: timedelta = timedelta(seconds=30)) -> None:
        await self.work()
        end = self.clock.now() + length
        while self.clock.now() < end:
            self.clock.advance(min(step, end - self.clock.now()))
            await self.work()

    def told(self) -> list[tuple[timedelta, str, str]]:
        """Return when after the start which channel was told what."""
        return [(at - START, message.channel.name, message.event) for at, message in self.courier.sent]

    def last(self) -> Message:
        return self.courier.sent[-1][1]

    async def kinds(self, alert: Alert) -> list[str]:
        why = await self.paging.paging.why(self.workspace, alert)
        return [str(decision.kind) for decision in why.decisions]


def make_alert(
    workspace: WorkspaceId,
    alert_id: str,
    code: str,
    severity: Severity,
    service: str,
    tenant: str | None,
    *,
    at: datetime,
) -> Alert:
    return Alert(
        id=AlertId(alert_id),
        key=AlertKey(workspace, code, service, tenant),
        family=Family.AI_RUN,
        severity=severity,
        runbook="/runbooks/run_failure_rate_high",
        state=AlertState.FIRING,
        value=0.5,
        threshold=0.15,
        count=40,
        sentence=f"50% of 40 runs failed on {service}, tenant {tenant}.",
        since=at,
        transition_count=2,
        fired_at=at,
        is_zero_tolerance=code == "cross_tenant_leak",
    )


def _cause(kind: CauseKind) -> Cause:
    return Cause(kind, 0.5, 0.15, 40, 20, timedelta(minutes=15), "words")


def _fired(alert: Alert) -> Change:
    at = alert.since
    crossed = Transition(1, AlertState.INACTIVE, AlertState.PENDING, at, _cause(CauseKind.CROSSED))
    fired = Transition(2, AlertState.PENDING, AlertState.FIRING, at, _cause(CauseKind.SUSTAINED))
    return Change(alert, (crossed, fired))


def _resolved(alert: Alert, at: datetime) -> Change:
    over = replace(alert, state=AlertState.RESOLVED, resolved_at=at, transition_count=3)
    return Change(over, (Transition(3, AlertState.FIRING, AlertState.RESOLVED, at, _cause(CauseKind.RECOVERED)),))


@pytest.fixture
async def sea(
    database: Database, workspace: WorkspaceId, owner_connection: "asyncpg.Connection[asyncpg.Record]"
) -> AsyncIterator[Sea]:
    clock = FakeClock(START)
    courier = RecordingCourier(clock=clock)
    outbox = PostgresOutbox(clock=clock)
    paging = build_paging(
        database, outbox=outbox, courier=courier, trail=trail_of(database), ids=RandomIds(), clock=clock, url=URL,
        listener=build_opener(database, trail_of(database), ids=RandomIds(), clock=clock),
    )  # fmt: skip
    watch = PostgresWatchStore(database)
    fence = await watch.claim_watch("paging-tests", lease=timedelta(hours=1))
    assert fence is not None
    worker = Worker(ledger=PostgresLedger(database, clock=clock), handlers=paging.handlers, clock=clock)
    alerts = PostgresAlertStore(database, listener=paging.listener)
    yield Sea(database, workspace, clock, courier, paging, alerts, worker, fence)
    await watch.release_watch(fence)
    # A worker runs the jobs of all workspaces, and the clock of the next test stands elsewhere.
    await owner_connection.execute("DELETE FROM jobs WHERE workspace = $1", workspace)
