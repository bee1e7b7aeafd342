"""Gates put together: where each kind of check gets its answers. A new kind adds its source here."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tidegate.gates import GateReader, GateService, PostgresGateStore, QuietSource, RegressionSource, SignalSource
from tidegate.gates.catalogues import AlertQuietReader, BuiltInRunbooks, LoadedRules
from tidegate.gates.kinds.standings import StandingSource
from tidegate.gates.model import (
    CheckKind,
    measure_dependency,
    measure_evidence,
    measure_load,
    measure_rehearsal,
    measure_scan,
)
from tidegate.gates.waivers.counting import CountingWaivers
from tidegate.gates.waivers.service import WaiverService
from tidegate.gates.waivers.store import AuditedMakers, PostgresWaiverStore

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tidegate.alerts import AlertService, Rule
    from tidegate.audit import AuditTrail
    from tidegate.evidence import EvidenceBook, EvidenceService
    from tidegate.gates.ports import CheckSource
    from tidegate.isolation import IsolationService
    from tidegate.kernel import Clock, IdFactory
    from tidegate.releases import ReleasesService
    from tidegate.signals import SignalReader
    from tidegate.storage import Database

__all__ = ["Gating", "build_gates"]


@dataclass(frozen=True, slots=True)
class Gating:
    """The gates, and what their doors ask for."""

    service: GateService
    services: dict[type[Any], object] = field(default_factory=dict)


def build_gates(  # noqa: PLR0913 - one argument a collaborator
    database: Database,
    *,
    signals: SignalReader,
    alerts: AlertService,
    rules: Sequence[Rule],
    releases: ReleasesService,
    isolation: IsolationService,
    evidence: EvidenceService,
    book: EvidenceBook,
    trail: AuditTrail,
    ids: IdFactory,
    clock: Clock,
) -> Gating:
    """Return the gates with the real source of each kind of check."""
    catalogue = LoadedRules(rules)
    sources: dict[CheckKind, CheckSource] = {
        CheckKind.SIGNAL: SignalSource(signals),
        CheckKind.ALERTS_QUIET: QuietSource(alerts=AlertQuietReader(alerts), catalogue=catalogue, signals=signals),
        CheckKind.REGRESSION: RegressionSource(isolation=isolation, evidence=evidence),
        CheckKind.EVIDENCE: StandingSource(book, measure_evidence),
        CheckKind.SCAN: StandingSource(book, measure_scan),
        CheckKind.LOAD: StandingSource(book, measure_load),
        CheckKind.ROLLBACK_PROOF: StandingSource(book, measure_rehearsal),
        CheckKind.DRILL: StandingSource(book, measure_rehearsal),
        CheckKind.DEPENDENCY: StandingSource(book, measure_dependency),
    }
    waivers, makers = PostgresWaiverStore(database, trail), AuditedMakers(database)
    gates = GateService(
        store=PostgresGateStore(database, trail),
        sources=sources,
        releases=releases,
        reader=GateReader(alerts=catalogue, runbooks=BuiltInRunbooks()),
        ids=ids,
        clock=clock,
        waivers=CountingWaivers(store=waivers, makers=makers),
    )
    waiving = WaiverService(store=waivers, gates=gates, makers=makers, ids=ids, clock=clock)
    return Gating(gates, {GateService: gates, WaiverService: waiving})
