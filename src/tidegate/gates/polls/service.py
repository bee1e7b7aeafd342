"""Opening, answering and closing launch polls."""

from datetime import timedelta
from typing import Final

from tidegate.audit import Doer
from tidegate.gates.approvals.errors import ApprovalUnreadyError, PersonRequiredError, RoleNotHeldError
from tidegate.gates.approvals.service import makers_of
from tidegate.gates.model import ApprovalSpec, Check, Gate, Poll, PollAnswer, Voice
from tidegate.gates.polls.errors import PollClosedError, PollInvalidError, PollNotFoundError
from tidegate.gates.polls.model import AnswerWish, PollWish
from tidegate.gates.polls.ports import Functions, Gates, Makers, PollStore
from tidegate.kernel import DEFAULT_LIMIT, Clock, Cursor, IdFactory, Page, WorkspaceId, format_duration

__all__ = ["PollService"]

_SHORTEST: Final = timedelta(minutes=1)
_LONGEST: Final = timedelta(hours=24)  # what takes longer is approved one by one


class PollService:
    """A poll is about what its gate said when it was opened: when that changes it lapses, and another is opened."""

    def __init__(
        self, *, store: PollStore, gates: Gates, functions: Functions, makers: Makers, ids: IdFactory, clock: Clock
    ) -> None:
        self._store = store
        self._gates = gates
        self._functions = functions
        self._makers = makers
        self._ids = ids
        self._clock = clock

    async def open(self, workspace: WorkspaceId, wish: PollWish, *, by: Doer) -> Poll:
        """Open a poll over what the gate says now.

        Raises:
            GateNotFoundError, ReleaseNotFoundError: there is none.
            PollInvalidError: no check of the gate asks for one, there is no release, or the time is wrong.
            ApprovalUnreadyError: a source does not answer.
            PollOpenError: one is open.
        """
        if not _SHORTEST <= wish.lasting <= _LONGEST:
            bounds = f"from {format_duration(_SHORTEST)} to {format_duration(_LONGEST)}"
            raise PollInvalidError(f"A launch poll lasts {bounds}.", field="lasting")
        check = _check_of(await self._gates.get_gate(workspace, wish.gate_id), wish.check)
        spec = check.spec
        assert isinstance(spec, ApprovalSpec)  # noqa: S101 - found by it
        judgement = (await self._gates.dashboard(workspace, wish.gate_id, release=wish.release)).judgement
        if judgement.release_id is None or judgement.release_name is None:
            raise PollInvalidError("There is no release yet, so nothing to say go to.", field="release")
        if judgement.binding is None:
            raise ApprovalUnreadyError
        now = self._clock.now()
        poll = Poll(
            id=self._ids.new_id("pol"),
            gate_id=wish.gate_id,
            check_id=check.id,
            release_id=judgement.release_id,
            release_name=judgement.release_name,
            roles=spec.roles,
            quorum=spec.quorum,
            question=check.question,
            binding=judgement.binding,
            opened_by=by.member or by.actor,
            opened_at=now,
            closes_at=now + wish.lasting,
        )
        await self._store.open(workspace, poll, by=by)
        return poll

    async def weigh(
        self, workspace: WorkspaceId, poll_id: str, wish: AnswerWish, *, by: Doer
    ) -> tuple[Poll, frozenset[str]]:
        """Return the poll, and who may not say this: a go is an approval, and nobody approves what they made.

        Raises:
            PollNotFoundError, PollClosedError: there is none that takes answers.
            PollInvalidError: it does not ask this role.
            PersonRequiredError, RoleNotHeldError: who asks does not speak for the role.
        """
        poll = await self.get(workspace, poll_id)
        if not poll.is_open(self._clock.now()):
            raise PollClosedError(poll_id)
        if wish.role not in poll.roles:
            raise PollInvalidError(f"The poll asks {', '.join(poll.roles)}, not {wish.role!r}.", field="role")
        if await self._functions.find_name(workspace, by.member) is None or by.member is None:
            raise PersonRequiredError
        if not await self._functions.speaks_for(workspace, by.member, wish.role):
            raise RoleNotHeldError(wish.role)
        if wish.answer is not PollAnswer.GO:
            return poll, frozenset()
        judgement = (await self._gates.dashboard(workspace, poll.gate_id, release=poll.release_id)).judgement
        return poll, await makers_of(self._makers, workspace, judgement)

    async def answer(self, workspace: WorkspaceId, poll: Poll, wish: AnswerWish, *, by: Doer) -> Poll:
        """Say it; what a person said before in the same poll is replaced. Whether `by` may is asked before.

        Raises:
            PollClosedError: it closed meanwhile.
        """
        person = by.member or by.actor
        name = await self._functions.find_name(workspace, person) or person
        voice = Voice(wish.role, person, name, wish.answer, wish.note, self._clock.now())
        return await self._store.answer(workspace, poll.id, voice, by=by)

    async def close(self, workspace: WorkspaceId, poll_id: str, *, by: Doer) -> Poll:
        """Close a poll before its time: no answer is taken any more.

        Raises:
            PollNotFoundError, PollClosedError: there is none that is open.
        """
        return await self._store.close(workspace, poll_id, at=self._clock.now(), by=by)

    async def get(self, workspace: WorkspaceId, poll_id: str) -> Poll:
        """Return one poll.

        Raises:
            PollNotFoundError: there is none.
        """
        poll = await self._store.find(workspace, poll_id)
        if poll is None:
            raise PollNotFoundError(poll_id)
        return poll

    async def list(
        self, workspace: WorkspaceId, *, limit: int = DEFAULT_LIMIT, cursor: Cursor | None = None
    ) -> Page[Poll]:
        """Return polls, newest first."""
        return await self._store.page(workspace, limit=limit, cursor=cursor)

    def is_open(self, poll: Poll) -> bool:
        return poll.is_open(self._clock.now())


def _check_of(gate: Gate, named: str | None) -> Check:
    asking = [check for check in gate.checks if isinstance(check.spec, ApprovalSpec) and check.spec.is_poll]
    found = [check for check in asking if named in {None, check.id}]
    if len(found) == 1:
        return found[0]
    known = ", ".join(check.id for check in asking) or "none"
    raise PollInvalidError(f"Name the check of the gate that asks for a poll. It has: {known}.", field="check")
