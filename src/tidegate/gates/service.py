"""Gates: applying files, measuring, deciding, recording what changed."""

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

import structlog

from tidegate.audit import Doer
from tidegate.gates.errors import DecisionNotFoundError, GateFileInvalidError, GateNotFoundError, NoEarlierDecisionError
from tidegate.gates.gate_files import GateFile, parse_gate_file
from tidegate.gates.model import (
    Check,
    CheckKind,
    CheckOutcome,
    CheckResult,
    Dashboard,
    Decision,
    DecisionDiff,
    Gate,
    Judgement,
    Said,
    compare,
    judge,
)
from tidegate.gates.ports import CheckSource, GateLimits, GateStore, SaidReader, StoredGate, WaiverReader
from tidegate.gates.reading import GateReader, body_of
from tidegate.gates.shipped import template_files
from tidegate.kernel import (
    DEFAULT_LIMIT,
    Clock,
    Cursor,
    DecisionId,
    GateId,
    IdFactory,
    Page,
    UnavailableError,
    WorkspaceId,
    digest_of,
)
from tidegate.releases import DEFAULT_ENVIRONMENT, Release, ReleasesService

_log = structlog.get_logger("tidegate.gates")


class GateService:
    """Evaluates gates.

    Measuring reads and never writes; recording is one short transaction, so a crash between both leaves nothing half.
    Decisions are immutable. A new one is recorded when it is asked for, or when the verdict, an outcome, the policy or
    a piece of evidence changed; otherwise only the moment moves at which the newest was last found true.
    """

    def __init__(  # noqa: PLR0913 - one argument a collaborator
        self,
        *,
        store: GateStore,
        sources: Mapping[CheckKind, CheckSource],
        releases: ReleasesService,
        reader: GateReader,
        ids: IdFactory,
        clock: Clock,
        limits: GateLimits | None = None,
        waivers: WaiverReader | None = None,
        said: SaidReader | None = None,
    ) -> None:
        self._store = store
        self._sources = sources
        self._releases = releases
        self._reader = reader
        self._ids = ids
        self._clock = clock
        self._limits = limits or GateLimits()
        self._waivers = waivers
        self._said = said

    async def apply(self, workspace: WorkspaceId, text: bytes | str, *, by: Doer) -> Gate:
        """Store a gate file as the next version; the file that is in force already changes nothing.

        Raises:
            GateFileInvalidError: it is wrong; the field is named and nothing is stored.
        """
        file = parse_gate_file(text.encode() if isinstance(text, str) else text)
        now = self._clock.now()
        gate = self._reader.read(file)
        stored = await self._store.add_gate(workspace, gate, body=body_of(file), applied_at=now, by=by)
        return self._read_stored(stored)

    async def validate(self, workspace: WorkspaceId, text: bytes | str) -> Gate:  # noqa: ARG002 - rules may differ by workspace, callers already say which
        """Return the gate in a file without storing it.

        Raises:
            GateFileInvalidError: it is wrong; the field is named.
        """
        return self._reader.read(parse_gate_file(text.encode() if isinstance(text, str) else text))

    async def list_gates(self, workspace: WorkspaceId) -> list[Gate]:
        """Return the gates of a workspace by id: those it applied, else those of the package."""
        stored = await self._store.list_gates(workspace)
        if stored:
            return [self._read_stored(one) for one in stored]
        return [self._reader.read(file) for file in template_files()]

    async def get_gate(self, workspace: WorkspaceId, gate_id: GateId) -> Gate:
        """Return one gate.

        Raises:
            GateNotFoundError: the workspace has no such gate.
        """
        for gate in await self.list_gates(workspace):
            if gate.id == gate_id:
                return gate
        raise GateNotFoundError(gate_id)

    async def dashboard(self, workspace: WorkspaceId, gate_id: GateId, *, release: str | None = None) -> Dashboard:
        """Measure now; record a decision when something changed.

        Raises:
            GateNotFoundError: the workspace has no such gate.
            ReleaseNotFoundError: it has no such release.
        """
        gate = await self.get_gate(workspace, gate_id)
        return await self._dashboard(workspace, gate, await self._release(workspace, release))

    async def evaluate(
        self, workspace: WorkspaceId, gate_id: GateId, *, release: str | None = None, by: Doer
    ) -> Decision:
        """Measure every check of the gate now, decide, and record the decision, changed or not.

        Raises:
            GateNotFoundError: the workspace has no such gate.
            ReleaseNotFoundError: it has no such release.
        """
        gate = await self.get_gate(workspace, gate_id)
        judgement = await self._judge(workspace, gate, await self._release(workspace, release))
        decision_id = DecisionId(self._ids.new_id("dec"))
        await self._store.record(workspace, judgement, decision_id, asked_by=by)
        decision = await self._store.find_decision(workspace, decision_id)
        assert decision is not None  # noqa: S101 - recorded one line above, and decisions are never deleted
        return decision

    async def board(self, workspace: WorkspaceId, *, release: str | None = None) -> list[Dashboard]:
        """Return every gate for one release, by id; the pages order them."""
        candidate = await self._release(workspace, release)
        gates = await self.list_gates(workspace)
        return list(await asyncio.gather(*(self._dashboard(workspace, gate, candidate) for gate in gates)))

    async def history(
        self,
        workspace: WorkspaceId,
        gate_id: GateId,
        release: str | None = None,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: Cursor | None = None,
    ) -> Page[Decision]:
        """Return the decisions of a gate, newest first, of one release or of all.

        Raises:
            GateNotFoundError: the workspace has no such gate.
            ReleaseNotFoundError: it has no such release.
        """
        await self.get_gate(workspace, gate_id)
        meant = await self._releases.get(workspace, release) if release is not None else None
        return await self._store.list_decisions(
            workspace, gate_id, meant.id if meant else None, limit=limit, cursor=cursor
        )

    async def diff(
        self, workspace: WorkspaceId, gate_id: GateId, decision_id: DecisionId, *, against: DecisionId | None = None
    ) -> DecisionDiff:
        """Return what changed since the decision `against`; unless named, the one before of the same release.

        Raises:
            GateNotFoundError: the workspace has no such gate.
            DecisionNotFoundError: the gate has no such decision.
            NoEarlierDecisionError: it is the first of its release, and no other is named.
        """
        await self.get_gate(workspace, gate_id)
        after = await self._decision(workspace, gate_id, decision_id)
        if against is not None:
            return compare(await self._decision(workspace, gate_id, against), after)
        before = await self._store.find_before(workspace, after)
        if before is None:
            raise NoEarlierDecisionError(decision_id)
        return compare(before, after)

    async def _decision(self, workspace: WorkspaceId, gate_id: GateId, decision_id: DecisionId) -> Decision:
        decision = await self._store.find_decision(workspace, decision_id)
        if decision is None or decision.gate_id != gate_id:
            raise DecisionNotFoundError(decision_id)
        return decision

    async def refresh_all(self, workspaces: Collection[WorkspaceId]) -> None:
        """Record what changed in each workspace; one that cannot be read keeps no other from its turn."""
        for workspace in workspaces:
            try:
                await self.board(workspace)
            except UnavailableError as error:
                _log.warning("gates_not_refreshed", workspace=workspace, detail=error.message)
            except Exception:  # noqa: BLE001 - the top of a job: what is wrong with one must not stop the others
                _log.exception("gates_not_refreshed", workspace=workspace)

    async def _release(self, workspace: WorkspaceId, name: str | None) -> Release | None:
        if name is not None:
            return await self._releases.get(workspace, name)
        return await self._releases.find_candidate(workspace, DEFAULT_ENVIRONMENT)

    async def _dashboard(self, workspace: WorkspaceId, gate: Gate, release: Release | None) -> Dashboard:
        judgement = await self._judge(workspace, gate, release)
        in_force = await self._store.record(workspace, judgement, DecisionId(self._ids.new_id("dec")), asked_by=None)
        return Dashboard(judgement, in_force.decision_id, in_force.decided_at, in_force.verified_at)

    async def _judge(self, workspace: WorkspaceId, gate: Gate, release: Release | None) -> Judgement:
        now = self._clock.now()
        if release is None:
            return judge(gate, None, (), now=now)
        # Sources may be slow: they are asked before the write, so that the transaction stays short.
        asked = [check for check in gate.checks if check.kind is not CheckKind.APPROVAL]
        results = await asyncio.gather(*(self._measure(workspace, check, release, now=now) for check in asked))
        counting = self._waivers
        waivers = await counting.list_counting(workspace, gate.id, release.id, now=now) if counting else ()
        said = await self._said.read_said(workspace, gate.id, release.id, now=now) if self._said else Said()
        return judge(gate, release, results, now=now, waivers=waivers, said=said)

    async def _measure(self, workspace: WorkspaceId, check: Check, release: Release, *, now: datetime) -> CheckResult:
        """Ask the source of `check`. Whatever happens there holds this check and hides no other."""
        limit = self._limits.source_timeout.total_seconds()
        try:
            async with asyncio.timeout(limit):
                return await self._sources[check.kind].measure(workspace, check, release, now=now)
        except TimeoutError:
            return _unanswered(check, f"The source did not answer within {limit:g} s.", now=now)
        except UnavailableError as error:
            return _unanswered(check, error.message, now=now)
        except Exception:  # noqa: BLE001 - the next lines
            # A crashed source must hold its gate: raised on, it would leave the last GO as the newest word.
            _log.exception("check_source_crashed", gate_check=check.id, kind=check.kind)
            return _unanswered(check, "The source failed; the log has the cause.", now=now)

    def _read_stored(self, stored: StoredGate) -> Gate:
        problem = "the stored gate file was altered after it was applied."
        if digest_of(stored.body) == stored.policy_digest:
            try:
                file = GateFile.model_validate_json(stored.body)
                gate = self._reader.read(file, version=stored.version, applied_at=stored.applied_at)
                # What a later version adds to a gate file is no other policy.
                return replace(gate, policy_digest=stored.policy_digest)
            except (ValueError, GateFileInvalidError) as error:
                problem = f"the stored gate file cannot be read by this version of tidegate: {error}"
        return Gate(
            id=stored.id,
            title=stored.id,
            owner="nobody",
            checks=(),
            policy_digest=stored.policy_digest,
            version=stored.version,
            applied_at=stored.applied_at,
            problem=problem,
        )


def _unanswered(check: Check, reason: str, *, now: datetime) -> CheckResult:
    return CheckResult(
        check=check,
        outcome=CheckOutcome.ERROR,
        reason=reason,
        measured_at=now,
        step="try again; if it lasts, `tidegate doctor` says which engine is away",
    )
