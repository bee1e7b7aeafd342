"""Paging over a real state store, with the door through which other tools push alerts."""

from dataclasses import dataclass
from datetime import datetime, timedelta

import pytest
from tests.contract.paging.conftest import START, URL, Sea, sea
from tests.doing import trail_of

from tidegate.alerts.alertmanager.assembly import Alertmanager, build_alertmanager
from tidegate.alerts.alertmanager.model import MAX_OPEN, RESOLVE_TIMEOUT, Sent, labels_key
from tidegate.alerts.model import Alert, AlertDetail
from tidegate.alerts.ports import AlertFilter
from tidegate.jobs import PostgresLedger, PostgresOutbox, Worker
from tidegate.kernel import AlertId, RandomIds

__all__ = ["START", "Harbour", "harbour", "sea"]


@dataclass
class Harbour:
    """A workspace into which another tool pushes."""

    sea: Sea
    alertmanager: Alertmanager

    @classmethod
    def of(cls, sea: Sea) -> "Harbour":
        harbour = cls(sea, _built(sea))
        ledger = PostgresLedger(sea.database, clock=sea.clock)
        handlers = {**sea.paging.handlers, **harbour.alertmanager.handlers}
        sea.worker = Worker(ledger=ledger, handlers=handlers, clock=sea.clock)
        return harbour

    def build(self, *, max_open: int) -> Alertmanager:
        return _built(self.sea, max_open=max_open)

    async def push(
        self, *alerts: dict[str, str], starts: datetime | None = None, ends: datetime | None = None,
        sender: str = "Prometheus", **annotations: str,
    ) -> list[str]:  # fmt: skip
        """Let the tool say something about alerts with these labels; return what was refused."""
        now = self.sea.clock.now()
        sent = [
            Sent(
                labels_key(labels), labels_key(annotations), starts or now, ends or now + RESOLVE_TIMEOUT,
                is_timeout=ends is None, generator_url="http://prometheus/graph",
            )
            for labels in alerts
        ]  # fmt: skip
        return await self.alertmanager.receiver.receive(self.sea.workspace, sent, sender=sender)

    async def alerts(self) -> list[Alert]:
        return await self.sea.alerts.list_alerts(self.sea.workspace, AlertFilter(), limit=100, after=None)

    async def detail(self, alert_id: AlertId) -> AlertDetail:
        found = await self.sea.alerts.find_alert(self.sea.workspace, alert_id)
        assert found is not None
        return found

    async def kinds(self, alert_id: AlertId) -> list[str]:
        return [str(move.cause.kind) for move in (await self.detail(alert_id)).transitions]

    async def pass_time(self, length: timedelta) -> None:
        await self.sea.pass_time(length)


def _built(sea: Sea, *, max_open: int = MAX_OPEN) -> Alertmanager:
    return build_alertmanager(
        sea.database, listener=sea.paging.listener, outbox=PostgresOutbox(clock=sea.clock), courier=sea.courier,
        trail=trail_of(sea.database), ids=RandomIds(), clock=sea.clock, url=URL, max_open=max_open,
    )  # fmt: skip


@pytest.fixture
def harbour(sea: Sea) -> Harbour:
    return Harbour.of(sea)
