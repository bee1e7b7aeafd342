"""What somebody wants of launch polls. Pure; what a poll is stands in `gates.model`."""

from dataclasses import dataclass
from datetime import timedelta

from tidegate.gates.model import PollAnswer
from tidegate.kernel import GateId

__all__ = ["AnswerWish", "PollWish"]


@dataclass(frozen=True, slots=True)
class PollWish:
    gate_id: GateId
    lasting: timedelta
    check: str | None = None
    """`None`: the one check of the gate that asks for a poll."""
    release: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerWish:
    role: str
    answer: PollAnswer
    note: str = ""
