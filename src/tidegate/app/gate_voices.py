"""What people say to gates put together: approvals, overrides, launch polls, freezes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tidegate.alerts import OverrideAlerts
from tidegate.gates.approvals.override_store import END_JOB, PostgresOverrides
from tidegate.gates.approvals.overriding import OverrideService
from tidegate.gates.approvals.reading import PostgresSayings
from tidegate.gates.approvals.service import ApprovalService, FunctionService
from tidegate.gates.approvals.store import PostgresApprovals, PostgresFunctions
from tidegate.gates.approvals.tasks import OverrideEnding
from tidegate.gates.freezes.service import FreezeService
from tidegate.gates.freezes.store import BudgetFreezes, PostgresFreezeWindows
from tidegate.gates.kinds.freeze import FreezeSource
from tidegate.gates.polls.service import PollService
from tidegate.gates.polls.store import PostgresPolls
from tidegate.jobs import PostgresOutbox
from tidegate.slos.freezes import PostgresFreezes

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tidegate.alerts import AlertListener
    from tidegate.audit import AuditTrail
    from tidegate.gates import GateService
    from tidegate.gates.waivers.ports import Makers
    from tidegate.jobs import Handler
    from tidegate.kernel import Clock, IdFactory
    from tidegate.releases import ReleasesService
    from tidegate.storage import Database

__all__ = ["Voices", "build_voices"]


@dataclass(frozen=True, slots=True)
class Voices:
    """The stores behind what people say; gates read them, and the services stand above gates."""

    sayings: PostgresSayings
    freezes: FreezeSource
    approvals: PostgresApprovals
    functions: PostgresFunctions
    overrides: PostgresOverrides
    polls: PostgresPolls
    windows: PostgresFreezeWindows

    def services(
        self, gates: GateService, *, releases: ReleasesService, makers: Makers, ids: IdFactory, clock: Clock
    ) -> dict[type[Any], object]:
        """Return what the doors ask for."""
        functions = self.functions
        return {
            FunctionService: FunctionService(store=functions, clock=clock),
            ApprovalService: ApprovalService(
                store=self.approvals, functions=functions, sayings=self.sayings, gates=gates, makers=makers, ids=ids,
                clock=clock,
            ),
            OverrideService: OverrideService(
                store=self.overrides, functions=functions, gates=gates, makers=makers, releases=releases, ids=ids,
                clock=clock,
            ),
            PollService: PollService(
                store=self.polls, gates=gates, functions=functions, makers=makers, ids=ids, clock=clock
            ),
            FreezeService: FreezeService(
                store=self.windows, names=functions, releases=releases, makers=makers, ids=ids, clock=clock
            ),
        }  # fmt: skip

    def handlers(self, clock: Clock) -> Mapping[str, Handler]:
        """Return what runs later, by kind of job."""
        return {END_JOB: OverrideEnding(store=self.overrides, clock=clock)}


def build_voices(database: Database, trail: AuditTrail, *, listener: AlertListener, ids: IdFactory) -> Voices:
    """Return the stores; `listener` writes what follows when an override opens an alert."""
    polls, windows = PostgresPolls(database, trail), PostgresFreezeWindows(database, trail)
    return Voices(
        sayings=PostgresSayings(database, polls=polls),
        freezes=FreezeSource(calendar=windows, budgets=BudgetFreezes(PostgresFreezes(database))),
        approvals=PostgresApprovals(database, trail),
        functions=PostgresFunctions(database, trail),
        overrides=PostgresOverrides(
            database, trail, alerts=OverrideAlerts(listener=listener, ids=ids), outbox=PostgresOutbox()
        ),
        polls=polls,
        windows=windows,
    )
