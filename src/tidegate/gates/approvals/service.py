"""Approving, withdrawing, and for whom people speak."""

import re
from collections.abc import Sequence
from typing import Final

from tidegate.audit import Doer
from tidegate.edge.caller import Role
from tidegate.gates.approvals.errors import (
    ApprovalInvalidError,
    ApprovalOutdatedError,
    ApprovalUnreadyError,
    FunctionInvalidError,
    PersonRequiredError,
    RoleNotHeldError,
)
from tidegate.gates.approvals.model import ApprovalWish, Desk, FunctionHolders, Weighed
from tidegate.gates.approvals.ports import ApprovalStore, Functions, Gates, Makers, Sayings
from tidegate.gates.model import Approval, ApprovalSpec, Check, Judgement
from tidegate.kernel import Clock, GateId, IdFactory, WorkspaceId

__all__ = ["ApprovalService", "FunctionService", "makers_of"]

_FUNCTION: Final = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")
_MAX_HOLDERS: Final = 100


class FunctionService:
    """For whom people speak: `security`, `qa`. What they may do is the matter of their access role."""

    def __init__(self, *, store: Functions, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    async def list(self, workspace: WorkspaceId) -> tuple[FunctionHolders, ...]:
        """Return the functions that somebody holds."""
        return await self._store.list_functions(workspace)

    async def set(self, workspace: WorkspaceId, function: str, members: Sequence[str], *, by: Doer) -> FunctionHolders:
        """Make `members` the holders of `function`, and no others; none leave it to nobody.

        Raises:
            FunctionInvalidError: the name is that of an access role or no name, or a member is no person here.
        """
        if not _FUNCTION.fullmatch(function):
            raise FunctionInvalidError(
                "A function is called in lower case letters, digits and dashes: `security`.", field="function"
            )
        if function in set(Role):
            raise FunctionInvalidError(
                f"{function!r} is an access role: `tidegate member role` gives it.", field="function"
            )
        if len(members) > _MAX_HOLDERS:
            raise FunctionInvalidError(f"At most {_MAX_HOLDERS} people hold one function.", field="members")
        holders = FunctionHolders(function, tuple(sorted(set(members))))
        await self._store.set_holders(workspace, holders, named_at=self._clock.now(), by=by)
        return holders


class ApprovalService:
    """An approval is bound to what was looked at, and lapses when that changes: nothing has to run for it."""

    def __init__(  # noqa: PLR0913 - one argument a collaborator
        self,
        *,
        store: ApprovalStore,
        functions: Functions,
        sayings: Sayings,
        gates: Gates,
        makers: Makers,
        ids: IdFactory,
        clock: Clock,
    ) -> None:
        self._store = store
        self._functions = functions
        self._sayings = sayings
        self._gates = gates
        self._makers = makers
        self._ids = ids
        self._clock = clock

    async def desk(self, workspace: WorkspaceId, gate_id: GateId, *, release: str | None = None) -> Desk:
        """Return what there is to approve now.

        Raises:
            GateNotFoundError, ReleaseNotFoundError: there is none.
        """
        gate = await self._gates.get_gate(workspace, gate_id)
        judgement = (await self._gates.dashboard(workspace, gate_id, release=release)).judgement
        checks = tuple(
            check for check in gate.checks if isinstance(check.spec, ApprovalSpec) and not check.spec.is_poll
        )
        if judgement.release_id is None:
            return Desk(judgement, checks, ())
        said = await self._sayings.read_said(workspace, gate_id, judgement.release_id, now=self._clock.now())
        return Desk(judgement, checks, said.approvals)

    async def weigh(self, workspace: WorkspaceId, gate_id: GateId, wish: ApprovalWish, *, by: Doer) -> Weighed:
        """Return what `wish` would agree to now, storing nothing.

        Raises:
            GateNotFoundError, ReleaseNotFoundError: there is none.
            ApprovalInvalidError: the wish is wrong; the field is named.
            ApprovalUnreadyError, ApprovalOutdatedError: it is not known, or not what was looked at.
            PersonRequiredError, RoleNotHeldError: who asks does not speak for the role.
        """
        desk = await self.desk(workspace, gate_id, release=wish.release)
        check = next((one for one in desk.checks if one.id == wish.check), None)
        _refuse_wrong(desk, check, wish)
        release_id = desk.judgement.release_id
        assert release_id is not None  # noqa: S101 - refused above
        if await self._functions.find_name(workspace, by.member) is None or by.member is None:
            raise PersonRequiredError
        if not await self._functions.speaks_for(workspace, by.member, wish.role):
            raise RoleNotHeldError(wish.role)
        if desk.judgement.binding is None:
            raise ApprovalUnreadyError
        if desk.judgement.binding != wish.binding:
            raise ApprovalOutdatedError
        return Weighed(desk, await makers_of(self._makers, workspace, desk.judgement))

    async def approve(
        self, workspace: WorkspaceId, gate_id: GateId, wish: ApprovalWish, weighed: Weighed, *, by: Doer
    ) -> Approval:
        """Store an approval that was weighed; whether `by` may is asked before.

        Raises:
            ApprovalOutdatedError: what it agrees to changed since.
            AlreadyApprovedError: one of this person stands.
        """
        release_id = weighed.desk.judgement.release_id
        assert release_id is not None  # noqa: S101 - weighed
        person = by.member or by.actor
        approval = Approval(
            id=self._ids.new_id("apr"),
            gate_id=gate_id,
            check_id=wish.check,
            release_id=release_id,
            role=wish.role,
            person=person,
            name=await self._functions.find_name(workspace, person) or person,
            note=wish.note,
            binding=wish.binding,
            given_at=self._clock.now(),
        )
        await self._store.add(workspace, approval, by=by)
        return approval

    async def withdraw(self, workspace: WorkspaceId, gate_id: GateId, approval_id: str, *, by: Doer) -> Approval:
        """Take back an approval that `by` gave.

        Raises:
            ApprovalNotFoundError, NotYoursError, ApprovalWithdrawnError: there is none, of this person, any more.
        """
        return await self._store.withdraw(workspace, gate_id, approval_id, at=self._clock.now(), by=by)


async def makers_of(makers: Makers, workspace: WorkspaceId, judgement: Judgement) -> frozenset[str]:
    """Return who made the release or any evidence that its checks rest on."""
    if judgement.release_id is None:
        return frozenset()
    evidence = [ref.id for result in judgement.results for ref in result.evidence]
    return await makers.find_makers(workspace, release_id=judgement.release_id, evidence=evidence)


def _refuse_wrong(desk: Desk, check: Check | None, wish: ApprovalWish) -> None:
    if check is None:
        known = ", ".join(one.id for one in desk.checks) or "none"
        raise ApprovalInvalidError(
            f"The gate has no check {wish.check!r} that asks for approvals. It has: {known}.", field="check"
        )
    assert isinstance(check.spec, ApprovalSpec)  # noqa: S101 - of the desk
    if wish.role not in check.spec.roles:
        asked = ", ".join(check.spec.roles)
        raise ApprovalInvalidError(f"The check does not ask {wish.role!r}. It asks: {asked}.", field="role")
    if desk.judgement.release_id is None:
        raise ApprovalInvalidError("There is no release yet, so nothing to approve.", field="release")
