"""What gates need: a store, and answers from what stands below, in the words of this slice."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from tidegate.audit import Doer
from tidegate.gates.model import (
    Check,
    CheckResult,
    Decision,
    Gate,
    Judgement,
    QuietReading,
    Said,
    Waiver,
)
from tidegate.kernel import Cursor, DecisionId, GateId, Page, ReleaseId, WorkspaceId
from tidegate.releases import Release
from tidegate.signals import Family


@dataclass(frozen=True, slots=True)
class AlertRule:
    """A rule that gates can name."""

    code: str
    severity: str
    family: Family


class AlertCatalogue(Protocol):
    """The alert rules there are."""

    def list_rules(self) -> Collection[AlertRule]: ...


@dataclass(frozen=True, slots=True)
class Catalogues:
    """What checks in a gate file may name."""

    rules: Mapping[str, AlertRule]
    """By alert code."""


class RunbookCatalogue(Protocol):
    """The runbook pages there are."""

    def find_slug(self, name: str) -> str | None:
        """Return the slug of the page that `name` (a slug or an alert code) means."""
        ...


class QuietReader(Protocol):
    """What the alert evaluator knows."""

    async def read_quiet(
        self, workspace: WorkspaceId, codes: Collection[str], services: Collection[str], *, since: datetime
    ) -> QuietReading:
        """Return the open alerts of `codes` and `services`, and since when somebody watched.

        Raises:
            UnavailableError: the state store does not answer for the moment.
        """
        ...


class CheckSource(Protocol):
    """Measures one kind of check."""

    async def measure(self, workspace: WorkspaceId, check: Check, release: Release, *, now: datetime) -> CheckResult:
        """Return what the check says; bad news and no news are results, not errors.

        Raises:
            UnavailableError: an engine does not answer for the moment.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredGate:
    """A gate file as it was applied, before it is read."""

    id: GateId
    version: int
    body: bytes
    """Canonical JSON; its digest is the policy digest."""
    policy_digest: str
    applied_at: datetime


@dataclass(frozen=True, slots=True)
class InForce:
    """The decision that counts for a gate and a release, and when it was last found true."""

    decision_id: DecisionId
    decided_at: datetime
    verified_at: datetime


class GateStore(Protocol):
    async def add_gate(
        self, workspace: WorkspaceId, gate: Gate, *, body: bytes, applied_at: datetime, by: Doer
    ) -> StoredGate:
        """Store the next version and record who did; the file that is in force already adds none and is returned."""
        ...

    async def list_gates(self, workspace: WorkspaceId) -> tuple[StoredGate, ...]:
        """Return the newest version of each gate, by id."""
        ...

    async def record(
        self, workspace: WorkspaceId, judgement: Judgement, decision_id: DecisionId, *, asked_by: Doer | None
    ) -> InForce:
        """Record `judgement` as a decision when somebody asked for it or it says something new.

        Else only `verified_at` moves.

        Of a decision that somebody asked for the audit says who; of one that tidegate made by itself it says so when
        the verdict is another than before.

        All or nothing, and one at a time for a gate and a release: of two that found the same change one records it.
        A judgement older than the one in force changes nothing, unless it was asked for.
        """
        ...

    async def find_in_force(
        self, workspace: WorkspaceId, gate_id: GateId, release_id: ReleaseId | None
    ) -> InForce | None: ...

    async def find_decision(self, workspace: WorkspaceId, decision_id: DecisionId) -> Decision | None: ...

    async def find_before(self, workspace: WorkspaceId, decision: Decision) -> Decision | None:
        """Return the newest decision of the same gate and release that was recorded before `decision`."""
        ...

    async def list_decisions(
        self,
        workspace: WorkspaceId,
        gate_id: GateId,
        release_id: ReleaseId | None,
        *,
        limit: int,
        cursor: Cursor | None,
    ) -> Page[Decision]:
        """Return decisions, newest first; `None` means those of every release."""
        ...


class WaiverReader(Protocol):
    async def list_counting(
        self, workspace: WorkspaceId, gate_id: GateId, release_id: ReleaseId, *, now: datetime
    ) -> tuple[Waiver, ...]:
        """Return the waivers of a gate that count for a release at `now`: none that its makers gave."""
        ...


class SaidReader(Protocol):
    async def read_said(self, workspace: WorkspaceId, gate_id: GateId, release_id: ReleaseId, *, now: datetime) -> Said:
        """Return the approvals, polls and overrides that could count for a release at `now`."""
        ...


@dataclass(frozen=True, slots=True)
class GateLimits:
    """Bounds of the service's patience."""

    source_timeout: timedelta = timedelta(seconds=5)
    """A source that is slower than this holds its check: signal queries over 24 h have a bar of 500 ms."""
