"""Launch polls on the wire."""

from typing import Annotated, Self

from pydantic import StringConstraints

from tidegate.edge.wire import Utc, WireModel
from tidegate.gates.approvals.schemas import Line, Note
from tidegate.gates.model import Poll, PollAnswer, Voice
from tidegate.gates.polls.model import AnswerWish, PollWish
from tidegate.kernel import GateId, parse_duration

_Duration = Annotated[str, StringConstraints(pattern=r"^(\d{1,9}(ms|s|m|h|d))+$", max_length=40)]


class PollIn(WireModel):
    """Which gate asks, and for how long."""

    gate: Line = "ga-launch"
    check: Line | None = None
    """Left out, the one check of the gate that asks for a poll."""
    release: Line | None = None
    """Name or id; left out, the candidate."""
    lasting: _Duration = "30m"
    """From 1m to 24h."""

    def wish(self) -> PollWish:
        return PollWish(GateId(self.gate), parse_duration(self.lasting, field="lasting"), self.check, self.release)


class PollAnswerIn(WireModel):
    role: Line
    answer: PollAnswer
    note: Note = ""

    def wish(self) -> AnswerWish:
        return AnswerWish(self.role, self.answer, self.note)


class VoiceOut(WireModel):
    """What one person said for one role; the last word of each person counts."""

    role: str
    person: str
    name: str
    answer: PollAnswer
    note: str
    said_at: Utc

    @classmethod
    def of(cls, voice: Voice) -> Self:
        return cls(
            role=voice.role,
            person=voice.person,
            name=voice.name,
            answer=voice.answer,
            note=voice.note,
            said_at=voice.said_at,
        )


class PollOut(WireModel):
    """A launch poll with all that was said."""

    id: str
    gate: str
    check: str
    release: str
    roles: tuple[str, ...]
    quorum: int
    """People of each role."""
    binding: str
    """What it is about; when that changes it lapses."""
    opened_by: str
    opened_at: Utc
    closes_at: Utc
    closed_at: Utc | None
    closed_by: str | None
    is_open: bool
    is_lapsed: bool
    is_intact: bool
    answers: tuple[VoiceOut, ...]
    """In order of receipt."""

    @classmethod
    def of(cls, poll: Poll, *, is_open: bool) -> Self:
        return cls(
            id=poll.id,
            gate=poll.gate_id,
            check=poll.check_id,
            release=poll.release_name,
            roles=poll.roles,
            quorum=poll.quorum,
            binding=poll.binding,
            opened_by=poll.opened_by,
            opened_at=poll.opened_at,
            closes_at=poll.closes_at,
            closed_at=poll.closed_at,
            closed_by=poll.closed_by,
            is_open=is_open,
            is_lapsed=poll.is_lapsed,
            is_intact=poll.is_intact,
            answers=tuple(map(VoiceOut.of, poll.voices)),
        )


class PollPageOut(WireModel):
    items: tuple[PollOut, ...]
    next_cursor: str | None
