"""Setting objectives, looking at them, and telling what burns."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from typing import Final

from tidegate.audit import Doer
from tidegate.kernel import (
    Clock,
    Cursor,
    Page,
    WorkspaceId,
    decode_cursor,
    digest_of,
    encode_cursor,
)
from tidegate.slos.burning import BurnAnswer, BurnFinding, BurnLook, BurnReading, BurnSubject
from tidegate.slos.errors import ObjectiveInvalidError, ObjectiveNotFoundError
from tidegate.slos.keeping import BurnKeeper, Kept
from tidegate.slos.looked import Change, ChangeKind, Looked
from tidegate.slos.model import Objective, PolicyState, StoredObjective, policy_state
from tidegate.slos.ports import ObjectiveStore
from tidegate.slos.states import (
    Look,
    ObjectiveState,
    SubjectState,
    burning_of,
    reading_of,
    state_of,
    subject_of,
    worst_tenants,
)

__all__ = ["ObjectiveService"]

_MOST_OBJECTIVES: Final = 500  # of a workspace; each keeps counts in memory


class ObjectiveService:
    """The objectives of workspaces."""

    def __init__(
        self,
        *,
        store: ObjectiveStore,
        keeper: BurnKeeper,
        clock: Clock,
        read: Callable[[bytes], Sequence[Objective]],
        body_of: Callable[[Objective], bytes],
    ) -> None:
        self._store = store
        self._keeper = keeper
        self._clock = clock
        self._read = read
        self._body_of = body_of

    def now(self) -> datetime:
        return self._clock.now()

    async def plan(self, workspace: WorkspaceId, text: bytes) -> tuple[Change, ...]:
        """Return what applying `text` would change, storing nothing.

        Raises:
            ObjectiveInvalidError: something in it is wrong; line and field are named.
        """
        wanted = self._read(text)
        now = {stored.objective.name: stored for stored in await self._store.find_all(workspace)}
        versions = await self._store.find_versions(workspace)
        changes = []
        for objective in wanted:
            known, after = now.get(objective.name), digest_of(self._body_of(objective))
            newest = versions.get(objective.name, 0)
            if known is not None and known.digest == after:
                changes.append(Change(ChangeKind.UNCHANGED, objective, known.version, after, after))
                continue
            kind = ChangeKind.CREATE if known is None else ChangeKind.CHANGE
            changes.append(Change(kind, objective, newest + 1, known.digest if known else None, after))
        if len(now.keys() | {objective.name for objective in wanted}) > _MOST_OBJECTIVES:
            raise ObjectiveInvalidError(f"A workspace has at most {_MOST_OBJECTIVES} objectives.")
        return tuple(changes)

    async def apply(self, workspace: WorkspaceId, text: bytes, *, by: Doer) -> tuple[Change, ...]:
        """Set the objectives in `text`, all or none; those that it does not name stay as they are.

        Raises:
            ObjectiveInvalidError: something in it is wrong; nothing changed.
            ObjectivesChangedError: somebody else set one of them at the same moment; nothing changed.
        """
        changes = await self.plan(workspace, text)
        wanted = [
            (
                change.objective.name,
                change.version,
                change.objective,
                by.deed(
                    "objectives:set",
                    f"objective/{change.objective.name}",
                    before=change.before,
                    after=change.after,
                    version=change.version,
                ),
            )
            for change in changes
            if change.kind is not ChangeKind.UNCHANGED
        ]
        if wanted:
            await self._store.add_versions(
                workspace, wanted, applied_at=self._clock.now(), applied_by=by.member or by.actor
            )
        return changes

    async def remove(self, workspace: WorkspaceId, name: str, *, by: Doer) -> None:
        """Remove an objective; its versions stay.

        Raises:
            ObjectiveNotFoundError: there is none of this name.
            ObjectivesChangedError: somebody else changed it at the same moment.
        """
        known = await self._stored(workspace, name)
        deed = by.deed("objectives:remove", f"objective/{name}", before=known.digest, version=known.version + 1)
        await self._store.add_versions(
            workspace,
            [(name, known.version + 1, None, deed)],
            applied_at=self._clock.now(),
            applied_by=by.member or by.actor,
        )

    async def list(
        self, workspace: WorkspaceId, *, service: str | None = None, limit: int, cursor: Cursor | None = None
    ) -> Page[Looked]:
        """Return objectives and their states, by name.

        Raises:
            UnavailableError: an engine does not answer for the moment, or counting is behind.
        """
        after = decode_cursor(cursor) if cursor else ""
        now = self._clock.now()
        kept = await self._keeper.refresh(now, asked=workspace)
        names = sorted(
            name
            for (owner, name), one in kept.items()
            if owner == workspace and name > after and service in {None, one.objective.service}
        )
        looked = [state_of(Look(kept[workspace, name], now)) for name in names[:limit]]
        more = encode_cursor(names[limit - 1]) if len(names) > limit else None
        return Page(tuple(await self._decided(workspace, looked)), more)

    async def get(self, workspace: WorkspaceId, name: str) -> Looked:
        """Return an objective and its state.

        Raises:
            ObjectiveNotFoundError: there is none of this name.
            UnavailableError: an engine does not answer for the moment, or counting is behind.
        """
        kept, now = await self._kept(workspace, name)
        [looked] = await self._decided(workspace, [state_of(Look(kept, now))])
        return looked

    async def tenants(
        self, workspace: WorkspaceId, name: str, *, limit: int, cursor: Cursor | None = None
    ) -> Page[SubjectState]:
        """Return the states of tenants: who used most of their budget first.

        Raises:
            ObjectiveNotFoundError: there is none of this name.
            UnavailableError: an engine does not answer for the moment, or counting is behind.
        """
        kept, now = await self._kept(workspace, name)
        look = Look(kept, now)
        ranked = worst_tenants(look)
        begin = _position_of(cursor)
        items = tuple(subject_of(look, tenant) for tenant in ranked[begin : begin + limit])
        more = encode_cursor(str(begin + limit)) if begin + limit < len(ranked) else None
        return Page(items, more)

    async def burning(self, workspaces: Collection[WorkspaceId], now: datetime) -> Sequence[BurnFinding]:
        """Return what burns now in `workspaces`: facts for who makes alerts of them.

        Raises:
            UnavailableError: nothing can be told now; what burned before is held, not over.
        """
        wanted = set(workspaces)
        kept = await self._keeper.refresh(now)
        return [
            finding
            for (owner, _), one in sorted(kept.items(), key=lambda item: item[0])
            if owner in wanted
            for finding in burning_of(Look(one, now))
        ]

    async def watch(self, asked: Collection[BurnSubject] = ()) -> BurnLook:
        """Look at all objectives there are, and remember what freezes by it whether anybody looks or not.

        Return all that burns, and how it stands with what is `asked` for.

        Raises:
            UnavailableError: nothing can be told now; what burned before is held, not over.
        """
        now = self._clock.now()
        kept = await self._keeper.refresh(now)
        # All is read here, before anybody is waited for: counts move on with the next refresh.
        states: dict[WorkspaceId, list[ObjectiveState]] = {}
        readings: dict[BurnSubject, BurnReading] = {}
        looks = {key: Look(kept[key], now) for key in sorted(kept)}
        for (workspace, _), look in looks.items():
            state = state_of(look)
            states.setdefault(workspace, []).append(state)
            readings |= {one.subject: BurnReading(one.subject, BurnAnswer.BURNING, one) for one in state.burning}
        for subject in asked:
            if subject not in readings:
                found = looks.get((subject.workspace, subject.objective))
                readings[subject] = (
                    reading_of(found, subject) if found is not None else BurnReading(subject, BurnAnswer.GONE)
                )
        for workspace, own in states.items():
            await self._decided(workspace, own)
        return BurnLook(now, list(states), list(readings.values()))

    async def _kept(self, workspace: WorkspaceId, name: str) -> tuple[Kept, datetime]:
        now = self._clock.now()
        kept = (await self._keeper.refresh(now, asked=workspace)).get((workspace, name))
        if kept is None:
            raise ObjectiveNotFoundError(name)
        return kept, now

    async def _stored(self, workspace: WorkspaceId, name: str) -> StoredObjective:
        for stored in await self._store.find_all(workspace):
            if stored.objective.name == name:
                return stored
        raise ObjectiveNotFoundError(name)

    async def _decided(self, workspace: WorkspaceId, states: Sequence[ObjectiveState]) -> Sequence[Looked]:
        """Say what the policies say, and remember what froze or was lifted by it."""
        freezes = await self._store.find_freezes(workspace)
        decided = [
            policy_state(
                state.objective.policy,
                state.whole.budget.left_share,
                now=state.at,
                was_frozen=state.objective.name in freezes,
            )
            for state in states
        ]
        names = [state.objective.name for state in states]
        frozen = {
            name
            for name, one in zip(names, decided, strict=True)
            if one.state is PolicyState.FROZEN and name not in freezes
        }
        lifted = {
            name for name, one in zip(names, decided, strict=True) if one.state is PolicyState.OPEN and name in freezes
        }
        if frozen or lifted:
            await self._store.set_freezes(workspace, frozen=frozen, lifted=lifted, at=self._clock.now())
        return [
            Looked(
                state,
                one,
                None
                if one.state is PolicyState.OPEN
                else freezes.get(state.objective.name, state.at if state.objective.name in frozen else None),
            )
            for state, one in zip(states, decided, strict=True)
        ]


def _position_of(cursor: Cursor | None) -> int:
    if cursor is None:
        return 0
    key = decode_cursor(cursor)
    if not (key.isascii() and key.isdigit() and len(key) < 10):
        raise ObjectiveInvalidError("This cursor is not one of ours: start again without it.", "cursor")
    return int(key)
