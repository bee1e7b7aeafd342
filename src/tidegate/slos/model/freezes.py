"""Freezes of releases that policies begin and lift, and who lets one through meanwhile. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from tidegate.kernel import format_utc
from tidegate.slos.model.policy import PolicyException, PolicyState

__all__ = ["Freeze", "FreezeEvent", "FreezeEventKind", "FreezeException", "FreezeMove", "FreezeState", "events_of"]


@dataclass(frozen=True, slots=True)
class FreezeMove:
    """Why a freeze begins or is lifted, and how much of the budget was left."""

    reason: str
    left_share: float | None


@dataclass(frozen=True, slots=True)
class Freeze:
    """One freeze, from when the budget fell until it is lifted."""

    objective: str
    frozen_at: datetime
    begun: FreezeMove
    lifted_at: datetime | None = None
    lifted: FreezeMove | None = None


@dataclass(frozen=True, slots=True)
class FreezeException:
    """Somebody lets releases through a freeze for a while."""

    id: str
    objective: str
    member: str
    role: str
    reason: str
    granted_at: datetime
    until: datetime
    ended_at: datetime | None = None
    ended_by: str | None = None

    def counts_for(self, freeze: Freeze | None, now: datetime) -> bool:
        """Return whether it lets releases through `freeze` now: it ends with the freeze it was made for."""
        is_of_it = freeze is not None and freeze.lifted_at is None and self.granted_at >= freeze.frozen_at
        return is_of_it and self.ended_at is None and self.until > now

    @property
    def of_policy(self) -> PolicyException:
        return PolicyException(self.member, self.role, self.reason, self.until)


@dataclass(frozen=True, slots=True)
class FreezeState:
    """What the policy of one objective says of releases at one moment."""

    objective: str
    service: str
    environment: str | None
    """`None`: of all environments."""
    state: PolicyState
    """`UNKNOWN` is neither frozen nor open: nobody can tell."""
    reason: str
    since: datetime | None
    """Since when it is frozen; `None` unless it is."""
    at: datetime
    exceptions: tuple[FreezeException, ...] = ()
    """Those that count now."""


class FreezeEventKind(StrEnum):
    FROZEN = "frozen"
    LIFTED = "lifted"
    EXCEPTED = "excepted"
    EXCEPTION_ENDED = "exception_ended"


@dataclass(frozen=True, slots=True)
class FreezeEvent:
    """One thing that happened to releases because of a budget."""

    kind: FreezeEventKind
    at: datetime
    words: str
    by: str | None = None
    """Id of the person; `None` for the policy itself."""


def events_of(
    freezes: Sequence[Freeze], exceptions: Sequence[FreezeException], now: datetime
) -> tuple[FreezeEvent, ...]:
    """Return what happened until `now`, in order."""
    found: list[FreezeEvent] = []
    for freeze in freezes:
        found.append(FreezeEvent(FreezeEventKind.FROZEN, freeze.frozen_at, f"Releases freeze. {freeze.begun.reason}"))
        if freeze.lifted_at is not None:
            why = freeze.lifted.reason if freeze.lifted is not None else ""
            found.append(FreezeEvent(FreezeEventKind.LIFTED, freeze.lifted_at, f"Releases may go on. {why}".rstrip()))
    for one in sorted(exceptions, key=lambda one: one.granted_at):
        words = f"{one.member} ({one.role}) lets releases through until {format_utc(one.until)}: {one.reason}"
        found.append(FreezeEvent(FreezeEventKind.EXCEPTED, one.granted_at, words, one.member))
        found += _ends_of(one, freezes, now)
    return tuple(sorted((event for event in found if event.at <= now), key=lambda event: event.at))


def _ends_of(one: FreezeException, freezes: Sequence[Freeze], now: datetime) -> list[FreezeEvent]:
    """Return the end of an exception; one of a freeze that was lifted before needs none."""
    if one.ended_at is not None:
        words = f"{one.ended_by} ended the exception."
        return [FreezeEvent(FreezeEventKind.EXCEPTION_ENDED, one.ended_at, words, one.ended_by)]
    lifted = any(
        freeze.lifted_at is not None and freeze.frozen_at <= one.granted_at <= freeze.lifted_at <= one.until
        for freeze in freezes
    )
    if lifted or one.until > now:
        return []
    return [FreezeEvent(FreezeEventKind.EXCEPTION_ENDED, one.until, "The time of the exception is over.")]
