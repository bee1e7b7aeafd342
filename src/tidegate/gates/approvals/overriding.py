"""Asking for, confirming and ending overrides."""

from dataclasses import replace

from tidegate.audit import Doer
from tidegate.gates.approvals.errors import (
    GateOverrideInvalidError,
    GateOverrideNotFoundError,
    GateOverrideNotOpenError,
    OverridesNothingError,
    PersonRequiredError,
)
from tidegate.gates.approvals.model import OverrideWish
from tidegate.gates.approvals.ports import Functions, Gates, Makers, OverrideStore, Releases
from tidegate.gates.approvals.service import makers_of
from tidegate.gates.model import MAX_OVERRIDE, Judgement, Overridden, Override, Verdict
from tidegate.kernel import DEFAULT_LIMIT, Clock, Cursor, GateId, IdFactory, Page, WorkspaceId, format_duration

__all__ = ["OverrideService"]


class OverrideService:
    """Two people let a release out that its gate does not; it ends by itself, and is an alert as long as it lasts."""

    def __init__(  # noqa: PLR0913 - one argument a collaborator
        self,
        *,
        store: OverrideStore,
        functions: Functions,
        gates: Gates,
        makers: Makers,
        releases: Releases,
        ids: IdFactory,
        clock: Clock,
    ) -> None:
        self._store = store
        self._functions = functions
        self._gates = gates
        self._makers = makers
        self._releases = releases
        self._ids = ids
        self._clock = clock

    async def request(self, workspace: WorkspaceId, gate_id: GateId, wish: OverrideWish, *, by: Doer) -> Override:
        """Ask for an override: it counts for nothing until another person confirms it.

        Raises:
            GateNotFoundError, ReleaseNotFoundError: there is none.
            GateOverrideInvalidError: it would be over already, or last too long.
            PersonRequiredError: no person asks.
            OverridesNothingError: no check keeps the release from GO.
        """
        now = self._clock.now()
        name = await self._functions.find_name(workspace, by.member)
        if name is None or by.member is None:
            raise PersonRequiredError
        if wish.expires_at <= now:
            raise GateOverrideInvalidError(
                "The override would be over already: name a later moment.", field="expiresAt"
            )
        if wish.expires_at - now > MAX_OVERRIDE:
            longest = format_duration(MAX_OVERRIDE)
            raise GateOverrideInvalidError(f"An override lasts at most {longest}.", field="expiresAt")
        judgement = (await self._gates.dashboard(workspace, gate_id, release=wish.release)).judgement
        checks = _blocking(judgement)
        if not checks or judgement.release_id is None or judgement.release_name is None:
            raise OverridesNothingError
        override = Override(
            id=self._ids.new_id("ovr"),
            gate_id=gate_id,
            policy_digest=judgement.policy_digest,
            release_id=judgement.release_id,
            release_name=judgement.release_name,
            reason=wish.reason,
            checks=checks,
            requested_by=by.member,
            requested_name=name,
            requested_at=now,
            expires_at=wish.expires_at,
        )
        await self._store.add(workspace, override, by=by)
        return override

    async def weigh(self, workspace: WorkspaceId, gate_id: GateId, override_id: str) -> tuple[Override, frozenset[str]]:
        """Return a request that waits, and who may not confirm it: who asked, who made the release or its evidence.

        Raises:
            GateOverrideNotFoundError: the gate has none of this id.
            GateOverrideNotOpenError: it waits for nobody.
        """
        override = await self._find(workspace, gate_id, override_id)
        if not override.is_open(self._clock.now()):
            raise GateOverrideNotOpenError(override_id)
        judgement = (await self._gates.dashboard(workspace, gate_id, release=override.release_id)).judgement
        return override, await makers_of(self._makers, workspace, judgement) | {override.requested_by}

    async def confirm(self, workspace: WorkspaceId, override: Override, *, by: Doer) -> Override:
        """Put a request in force that was weighed; whether `by` may is asked before.

        Raises:
            PersonRequiredError: no person confirms.
            GateOverrideNotOpenError: somebody else was first, or it is over.
        """
        name = await self._functions.find_name(workspace, by.member)
        if name is None or by.member is None:
            raise PersonRequiredError
        confirmed = _confirmed(override, by.member, name, self._clock)
        release = await self._releases.get(workspace, override.release_id)
        service = release.services[0].service if release.services else ""
        await self._store.confirm(workspace, confirmed, service=service, by=by)
        return confirmed

    async def end(self, workspace: WorkspaceId, gate_id: GateId, override_id: str, *, by: Doer) -> Override:
        """End an override, or a request for one, before its time.

        Raises:
            GateOverrideNotFoundError: the gate has none of this id.
            GateOverrideEndedError: it is over.
        """
        return await self._store.end(workspace, gate_id, override_id, at=self._clock.now(), by=by)

    async def list(
        self,
        workspace: WorkspaceId,
        gate_id: GateId | None = None,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: Cursor | None = None,
    ) -> Page[Override]:
        """Return overrides, newest first.

        Raises:
            GateNotFoundError: the workspace has no such gate.
        """
        if gate_id is not None:
            await self._gates.get_gate(workspace, gate_id)
        return await self._store.page(workspace, gate_id, limit=limit, cursor=cursor)

    def state_of(self, override: Override) -> str:
        """Return `open`, `in_force` or `over`."""
        now = self._clock.now()
        return "open" if override.is_open(now) else "in_force" if override.is_in_force(now) else "over"

    async def _find(self, workspace: WorkspaceId, gate_id: GateId, override_id: str) -> Override:
        override = await self._store.find(workspace, gate_id, override_id)
        if override is None:
            raise GateOverrideNotFoundError(override_id)
        return override


def _blocking(judgement: Judgement) -> tuple[Overridden, ...]:
    """Return the checks that keep the gate from GO: those that it names steps for."""
    if judgement.verdict is Verdict.GO:
        return ()
    outcomes = {result.check.id: result.outcome for result in judgement.results}
    return tuple(Overridden(step.check, outcomes[step.check]) for step in judgement.steps if step.check in outcomes)


def _confirmed(override: Override, member: str, name: str, clock: Clock) -> Override:
    return replace(override, confirmed_by=member, confirmed_name=name, confirmed_at=clock.now())
