"""The error-budget policy as it is carried out: freezes that begin and are lifted, and exceptions that people make.

Contract of this part:
- A freeze begins and is lifted once, however many processes look: the row says it, and the audit with it.
- Without data nothing is lifted, and nothing freezes unless the policy says so.
- An exception names a person, a reason and an end, and ends with the freeze that it was made for.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from fractions import Fraction
from typing import Final, Protocol

from tidegate.audit import ActorKind, Doer
from tidegate.edge.proven import Role
from tidegate.kernel import Clock, IdFactory, UnavailableError, WorkspaceId, format_utc
from tidegate.slos.errors import (
    ExceptionInvalidError,
    ExceptionNotAllowedError,
    ExceptionNotFoundError,
    ObjectiveNotFoundError,
    ObjectiveNotFrozenError,
)
from tidegate.slos.looked import Looked
from tidegate.slos.model import (
    Freeze,
    FreezeEvent,
    FreezeException,
    FreezeMove,
    FreezeState,
    PolicyDecision,
    PolicyState,
    StoredObjective,
    events_of,
    policy_state,
)
from tidegate.slos.ports import FreezeStore
from tidegate.slos.states import ObjectiveState

__all__ = ["FreezeKeeper", "FreezeService"]

MAX_EXCEPTION: Final = timedelta(days=7)  # as long as the longest freeze that anybody plans for; then it is made anew
_MAX_REASON: Final = 500
_MAX_EVENTS: Final = 100
_MOST_EXCEPTIONS: Final = 20  # of one objective at a time: more of them are no exceptions


class LookedObjectives(Protocol):
    """Looks at all objectives of a workspace."""

    async def find_stored(self, workspace: WorkspaceId) -> Sequence[StoredObjective]:
        """Return the objectives as they were set."""
        ...

    async def look_all(self, workspace: WorkspaceId, *, now: datetime) -> Mapping[str, Looked]:
        """Return the states of all, by name.

        Raises:
            UnavailableError: nothing can be told now.
        """
        ...


class FreezeKeeper:
    """Says what policies say, and writes down what froze or was lifted by it."""

    def __init__(self, store: FreezeStore) -> None:
        self._store = store

    async def decide(self, workspace: WorkspaceId, states: Sequence[ObjectiveState]) -> Sequence[Looked]:
        if not states:
            return []
        freezes = await self._store.find_freezes(workspace)
        exceptions = await self._store.find_exceptions(workspace, now=states[0].at) if freezes else {}
        found: list[Looked] = []
        begun: dict[str, FreezeMove] = {}
        lifted: dict[str, FreezeMove] = {}
        for state in states:
            name, left = state.objective.name, state.whole.budget.left_share
            freeze = freezes.get(name)
            own = tuple(one for one in exceptions.get(name, ()) if one.counts_for(freeze, state.at))
            decision = _decision(state, left, freeze, own)
            move = FreezeMove(decision.reason, None if left is None else float(left))
            if decision.state is PolicyState.FROZEN and freeze is None:
                begun[name] = move
            elif decision.state is PolicyState.OPEN and freeze is not None:
                lifted[name] = move
            since = state.at if name in begun else freeze.frozen_at if freeze is not None else None
            found.append(Looked(state, decision, None if decision.state is PolicyState.OPEN else since, own))
        if begun or lifted:
            await self._store.move_freezes(workspace, begun=begun, lifted=lifted, at=states[0].at)
        return found


class FreezeService:
    """Tells gates, doors and pages of freezes, and takes exceptions. Keeps the promise of `FreezeReader`."""

    def __init__(self, *, objectives: LookedObjectives, store: FreezeStore, clock: Clock, ids: IdFactory) -> None:
        self._objectives = objectives
        self._store = store
        self._clock = clock
        self._ids = ids

    async def find_freezes(
        self, workspace: WorkspaceId, services: Collection[str], *, now: datetime
    ) -> Sequence[FreezeState]:
        stored = await self._objectives.find_stored(workspace)
        wanted = [one for one in stored if not services or one.objective.service in services]
        return await self._states(workspace, wanted, now)

    async def get_freeze(self, workspace: WorkspaceId, objective: str) -> FreezeState:
        """Return what the policy of one objective says now.

        Raises:
            ObjectiveNotFoundError: there is none of this name.
        """
        [found] = await self._states(workspace, [await self._stored(workspace, objective)], self._clock.now())
        return found

    async def _states(
        self, workspace: WorkspaceId, stored: Sequence[StoredObjective], now: datetime
    ) -> list[FreezeState]:
        if not stored:
            return []
        looked: Mapping[str, Looked] = {}
        why = "It was set this moment."
        try:
            looked = await self._objectives.look_all(workspace, now=now)
        except UnavailableError as error:
            why = error.message
        if all(one.objective.name in looked for one in stored):
            return [_told(one, looked[one.objective.name]) for one in stored]
        freezes = await self._store.find_freezes(workspace)
        exceptions = await self._store.find_exceptions(workspace, now=now)
        return [
            _told(one, looked[one.objective.name])
            if one.objective.name in looked
            else _untold(one, freezes, exceptions, now=now, why=why)
            for one in stored
        ]

    async def list_events(
        self, workspace: WorkspaceId, objective: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[FreezeEvent, ...]:
        """Return the last hundred things that happened to releases because of an objective, in order."""
        freezes, exceptions = await self._store.find_history(workspace, objective, limit=_MAX_EVENTS)
        found = events_of(freezes, exceptions, self._clock.now())
        return tuple(
            event for event in found
            if (since is None or event.at >= since) and (until is None or event.at <= until)
        )[-_MAX_EVENTS:]  # fmt: skip

    async def grant(
        self, workspace: WorkspaceId, objective: str, *, reason: str, until: datetime, role: Role | None, by: Doer
    ) -> FreezeException:
        """Let releases through the freeze of an objective until a moment.

        Raises:
            ObjectiveNotFoundError: there is none of this name.
            ExceptionInvalidError: without a reason, or with an end that is past or too far away.
            ExceptionNotAllowedError: it is no person, or of no role that the policy names.
            ObjectiveNotFrozenError: nothing is frozen.
        """
        now = self._clock.now()
        if not reason.strip() or len(reason) > _MAX_REASON or not reason.isprintable():
            raise ExceptionInvalidError(f"Say why, in 1 to {_MAX_REASON} characters on one line.", "reason")
        if not now < until <= now + MAX_EXCEPTION:
            raise ExceptionInvalidError("An exception ends later than now, and within 7 days.", "until")
        policy = (await self._stored(workspace, objective)).objective.policy
        if by.kind is not ActorKind.PERSON or by.member is None or role is None or role not in policy.excepted_by:
            raise ExceptionNotAllowedError(policy.excepted_by)
        if len((await self._store.find_exceptions(workspace, now=now)).get(objective, ())) >= _MOST_EXCEPTIONS:
            raise ExceptionInvalidError(f"There are {_MOST_EXCEPTIONS} exceptions already. End one of them.", "reason")
        made = FreezeException(self._ids.new_id("exc"), objective, by.member, role.value, reason.strip(), now, until)
        deed = by.deed(
            "objectives:except", f"objective/{objective}", exception=made.id, reason=made.reason,
            until=format_utc(until), role=made.role,
        )  # fmt: skip
        if not await self._store.add_exception(workspace, made, deed):
            raise ObjectiveNotFrozenError(objective)
        return made

    async def end(self, workspace: WorkspaceId, objective: str, exception_id: str, *, by: Doer) -> None:
        """End an exception before its time; ending it twice changes nothing.

        Raises:
            ExceptionNotFoundError: the objective has no such exception.
        """
        deed = by.deed("objectives:except", f"objective/{objective}", exception=exception_id, ended=True)
        who = by.member or by.actor
        if not await self._store.end_exception(
            workspace, (objective, exception_id), at=self._clock.now(), who=who, deed=deed
        ):
            raise ExceptionNotFoundError(exception_id)

    async def _stored(self, workspace: WorkspaceId, name: str) -> StoredObjective:
        for one in await self._objectives.find_stored(workspace):
            if one.objective.name == name:
                return one
        raise ObjectiveNotFoundError(name)


def _decision(
    state: ObjectiveState, left: Fraction | None, freeze: Freeze | None, exceptions: Sequence[FreezeException]
) -> PolicyDecision:
    return policy_state(
        state.objective.policy,
        left,
        now=state.at,
        was_frozen=freeze is not None,
        exceptions=[one.of_policy for one in exceptions],
    )


def _told(stored: StoredObjective, looked: Looked) -> FreezeState:
    objective, decision = stored.objective, looked.decision
    is_frozen = decision.state in {PolicyState.FROZEN, PolicyState.EXCEPTED}
    return FreezeState(
        objective=objective.name,
        service=objective.service,
        environment=objective.environment,
        state=decision.state,
        reason=decision.reason,
        since=looked.frozen_at if is_frozen else None,
        at=looked.state.at,
        exceptions=looked.exceptions,
    )


def _untold(
    stored: StoredObjective,
    freezes: Mapping[str, Freeze],
    exceptions: Mapping[str, Sequence[FreezeException]],
    *,
    now: datetime,
    why: str,
) -> FreezeState:
    """Return what is known of an objective that cannot be looked at: what is frozen stays so, the rest is unknown."""
    objective = stored.objective
    freeze = freezes.get(objective.name)
    own = tuple(one for one in exceptions.get(objective.name, ()) if one.counts_for(freeze, now))
    found = FreezeState(
        objective=objective.name,
        service=objective.service,
        environment=objective.environment,
        state=PolicyState.UNKNOWN,
        reason=f"How much budget is left cannot be told now: {why}",
        since=None,
        at=now,
        exceptions=own,
    )
    if freeze is None:
        return found
    decision = policy_state(objective.policy, None, now=now, was_frozen=True, exceptions=[one.of_policy for one in own])
    return replace(
        found, state=decision.state, since=freeze.frozen_at,
        reason=f"{freeze.begun.reason} Whether that has changed cannot be told now: {why}",
    )  # fmt: skip
