"""Giving and ending waivers."""

from dataclasses import dataclass
from typing import Protocol

from tidegate.audit import Doer
from tidegate.gates.model import LETS_THROUGH, Check, CheckOutcome, CheckResult, Dashboard, Gate, Waiver
from tidegate.gates.model.waivers import NEVER_WAIVED
from tidegate.gates.model.waiving import is_asked
from tidegate.gates.waivers.errors import WaiverInvalidError, WaivesNothingError
from tidegate.gates.waivers.model import WaiverFilter, WaiverWish
from tidegate.gates.waivers.ports import Makers, WaiverStore
from tidegate.kernel import (
    DEFAULT_LIMIT,
    Clock,
    Cursor,
    GateId,
    IdFactory,
    Page,
    ReleaseId,
    WorkspaceId,
    format_duration,
)


class Gates(Protocol):
    """What a waiver has to know of gates."""

    async def get_gate(self, workspace: WorkspaceId, gate_id: GateId) -> Gate: ...

    async def dashboard(self, workspace: WorkspaceId, gate_id: GateId, *, release: str | None = None) -> Dashboard: ...


@dataclass(frozen=True, slots=True)
class Weighed:
    """A wish that can be fulfilled, and who made what it lets through."""

    check: Check
    result: CheckResult
    release_id: ReleaseId
    release_name: str
    makers: frozenset[str]


class WaiverService:
    """A waiver is bound to what the check asks when it is given, and re-blocks by itself: nothing has to run for it."""

    def __init__(self, *, store: WaiverStore, gates: Gates, makers: Makers, ids: IdFactory, clock: Clock) -> None:
        self._store = store
        self._gates = gates
        self._makers = makers
        self._ids = ids
        self._clock = clock

    async def weigh(self, workspace: WorkspaceId, gate_id: GateId, wish: WaiverWish) -> Weighed:
        """Return what `wish` would let through now, storing nothing.

        Raises:
            GateNotFoundError, ReleaseNotFoundError: there is none.
            WaiverInvalidError: the wish is wrong; the field is named.
            WaivesNothingError: the check does not block the release.
        """
        gate = await self._gates.get_gate(workspace, gate_id)
        check = next((one for one in gate.checks if one.id == wish.check), None)
        if check is None:
            known = ", ".join(one.id for one in gate.checks) or "none"
            raise WaiverInvalidError(f"The gate has no check {wish.check!r}. It has: {known}.", field="check")
        self._refuse_wrong(gate, check, wish)
        judgement = (await self._gates.dashboard(workspace, gate_id, release=wish.release)).judgement
        if judgement.release_id is None or judgement.release_name is None:
            raise WaiverInvalidError("There is no release yet, so nothing to waive a check for.", field="release")
        result = next((one for one in judgement.results if one.check.id == check.id), None)
        if result is None or is_let_through(gate, result):
            raise WaivesNothingError(check.id)
        evidence = [ref.id for ref in result.evidence]
        makers = await self._makers.find_makers(workspace, release_id=judgement.release_id, evidence=evidence)
        return Weighed(check, result, judgement.release_id, judgement.release_name, makers)

    async def give(
        self, workspace: WorkspaceId, gate_id: GateId, wish: WaiverWish, weighed: Weighed, *, by: Doer
    ) -> Waiver:
        """Store a waiver that was weighed; whether `by` may is asked before."""
        waiver = Waiver(
            id=self._ids.new_id("wvr"),
            gate_id=gate_id,
            check_id=weighed.check.id,
            question=weighed.check.question,
            release_id=weighed.release_id if wish.release is not None else None,
            release_name=weighed.release_name if wish.release is not None else None,
            tenant=wish.tenant,
            owner=wish.owner,
            reason=wish.reason,
            outcome=weighed.result.waived.outcome if weighed.result.waived else weighed.result.outcome,
            given_by=by.member or by.actor,
            given_at=self._clock.now(),
            expires_at=wish.expires_at,
        )
        await self._store.add(workspace, waiver, by=by)
        return waiver

    async def end(self, workspace: WorkspaceId, gate_id: GateId, waiver_id: str, *, by: Doer) -> Waiver:
        """End a waiver before its time.

        Raises:
            WaiverNotFoundError: the gate has none of this id.
            WaiverEndedError: somebody ended it before.
        """
        return await self._store.end(workspace, gate_id, waiver_id, ended_at=self._clock.now(), by=by)

    async def list(
        self,
        workspace: WorkspaceId,
        chosen: WaiverFilter,
        *,
        limit: int = DEFAULT_LIMIT,
        cursor: Cursor | None = None,
    ) -> Page[Waiver]:
        """Return waivers, newest first.

        Raises:
            GateNotFoundError: the workspace has no such gate.
        """
        if chosen.gate_id is not None:
            await self._gates.get_gate(workspace, chosen.gate_id)
        return await self._store.page(workspace, chosen, now=self._clock.now(), limit=limit, cursor=cursor)

    def is_in_force(self, waiver: Waiver) -> bool:
        return waiver.is_in_force(self._clock.now())

    def _refuse_wrong(self, gate: Gate, check: Check, wish: WaiverWish) -> None:
        now = self._clock.now()
        if check.kind in NEVER_WAIVED:
            raise WaiverInvalidError(
                "An approval is never waived: ask another person in the role, or override the gate.", field="check"
            )
        if wish.tenant is not None and wish.tenant != check.spec.tenant_named:
            asked = check.spec.tenant_named or "all tenants at once"
            raise WaiverInvalidError(f"The check asks about {asked}, not about {wish.tenant!r}.", field="tenant")
        if wish.expires_at <= now:
            raise WaiverInvalidError("The waiver would be over already: name a later moment.", field="expiresAt")
        if wish.expires_at - now > gate.max_waiver:
            longest = format_duration(gate.max_waiver)
            raise WaiverInvalidError(
                f"A waiver of this gate lasts at most {longest} (`maxWaiver` in its file).", field="expiresAt"
            )


def is_let_through(gate: Gate, result: CheckResult) -> bool:
    """Return whether a result needs no waiver; one that has a waiver may get another, which renews it."""
    if not is_asked(gate, result.check):
        return True
    if result.waived is not None or (gate.holds_on_warning and result.outcome is CheckOutcome.WARNED):
        return False
    return result.outcome in LETS_THROUGH
