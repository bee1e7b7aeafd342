"""What an approval and a launch poll are, and what they are bound to. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from tidegate.gates.model.checks import CheckKind, CheckSpec
from tidegate.gates.model.waivers import CLOCK_TOLERANCE
from tidegate.kernel import GateId, ReleaseId, digest_of, format_duration, format_utc
from tidegate.kernel.canonical import JsonValue


@dataclass(frozen=True, slots=True)
class ApprovalSpec(CheckSpec):
    """People in roles who have to agree; with `is_poll` in a launch poll, all at one time."""

    kind: ClassVar[CheckKind] = CheckKind.APPROVAL
    roles: tuple[str, ...]
    quorum: int
    """People of each role; nobody counts for two."""
    max_age: timedelta | None = None
    is_poll: bool = False

    def define(self) -> Mapping[str, JsonValue]:
        return {
            "roles": list(self.roles),
            "quorum": self.quorum,
            "maxAge": format_duration(self.max_age) if self.max_age else None,
            "poll": self.is_poll,
        }


@dataclass(frozen=True, slots=True)
class Approval:
    """One person, speaking for one role, agreed that what they saw may go out."""

    id: str
    gate_id: GateId
    check_id: str
    release_id: ReleaseId
    role: str
    person: str
    """Id of the member."""
    name: str
    """What the person was called then."""
    note: str
    binding: str
    """Digest of what was agreed to."""
    given_at: datetime
    withdrawn_at: datetime | None = None
    is_intact: bool = True
    is_entitled: bool = True
    """Whether the person is still a member who speaks for the role."""
    is_lapsed: bool = False
    """Whether a decision since then was about something else: what came back later takes a new approval."""

    @property
    def digest(self) -> str:
        """Digest of what was given; the withdrawal is no part of it."""
        return digest_of(
            {
                "id": self.id,
                "gate": self.gate_id,
                "check": self.check_id,
                "release": self.release_id,
                "role": self.role,
                "person": self.person,
                "name": self.name,
                "note": self.note,
                "binding": self.binding,
                "givenAt": format_utc(self.given_at),
            }
        )

    def counts(self, binding: str, now: datetime) -> bool:
        """Return whether it stands for `binding` at `now`."""
        return (
            self.is_intact
            and self.is_entitled
            and not self.is_lapsed
            and self.withdrawn_at is None
            and self.binding == binding
            and self.given_at <= now + CLOCK_TOLERANCE
        )


class PollAnswer(StrEnum):
    GO = "go"
    HOLD = "hold"
    NO_GO = "no_go"


@dataclass(frozen=True, slots=True)
class Voice:
    """What one person said for one role; of several of one person in one poll the last counts."""

    role: str
    person: str
    name: str
    answer: PollAnswer
    note: str
    said_at: datetime
    is_entitled: bool = True

    def facts(self) -> Mapping[str, JsonValue]:
        return {
            "role": self.role,
            "person": self.person,
            "name": self.name,
            "answer": self.answer,
            "note": self.note,
            "saidAt": format_utc(self.said_at),
        }


@dataclass(frozen=True, slots=True)
class Poll:
    """A go/no-go round over one release at one gate; the newest of a check counts, whatever it said."""

    id: str
    gate_id: GateId
    check_id: str
    release_id: ReleaseId
    release_name: str
    roles: tuple[str, ...]
    quorum: int
    question: str
    """`Check.question` when it was opened: a check that asks something else since takes another poll."""
    binding: str
    opened_by: str
    opened_at: datetime
    closes_at: datetime
    voices: tuple[Voice, ...] = ()
    """In order of receipt."""
    closed_at: datetime | None = None
    closed_by: str | None = None
    is_intact: bool = True
    """Whether all that was said is there, as it was said."""
    is_lapsed: bool = False

    @property
    def digest(self) -> str:
        return digest_of(
            {
                "id": self.id,
                "gate": self.gate_id,
                "check": self.check_id,
                "release": self.release_id,
                "roles": list(self.roles),
                "quorum": self.quorum,
                "question": self.question,
                "binding": self.binding,
                "openedBy": self.opened_by,
                "openedAt": format_utc(self.opened_at),
                "closesAt": format_utc(self.closes_at),
            }
        )

    def is_open(self, now: datetime) -> bool:
        """Return whether it takes answers; at the instant that it closes, it does not any more."""
        return self.closed_at is None and now < self.closes_at

    @property
    def last_words(self) -> tuple[Voice, ...]:
        """Return what each person said last, in the order of the roles."""
        last = {voice.person: voice for voice in self.voices}
        return tuple(
            sorted(last.values(), key=lambda voice: self.roles.index(voice.role) if voice.role in self.roles else 99)
        )
