"""Freezes and exceptions on the wire."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import Field

from tidegate.edge.wire import Utc, WireModel
from tidegate.slos.model import FreezeEvent, FreezeEventKind, FreezeException, FreezeState, PolicyState

__all__ = ["ExceptionIn", "ExceptionOut", "FreezeEventOut", "FreezesOut"]


class ExceptionIn(WireModel):
    reason: Annotated[str, Field(max_length=500)]
    """Why a release must not wait; on one line."""
    until: Utc
    """At most 7 days from now. An exception ends earlier with its freeze."""


class ExceptionOut(WireModel):
    """Somebody lets releases through for a while."""

    id: str
    by: str
    """Id of the person."""
    role: str
    reason: str
    granted_at: Utc
    until: Utc

    @classmethod
    def of(cls, one: FreezeException) -> Self:
        return cls(
            id=one.id, by=one.member, role=one.role, reason=one.reason, granted_at=one.granted_at, until=one.until
        )


class FreezeEventOut(WireModel):
    kind: FreezeEventKind
    at: Utc
    words: str
    by: str | None
    """Id of the person; null for the policy itself."""

    @classmethod
    def of(cls, event: FreezeEvent) -> Self:
        return cls(kind=event.kind, at=event.at, words=event.words, by=event.by)


class FreezesOut(WireModel):
    """What a policy says of releases now, and what happened before."""

    state: PolicyState
    """`unknown` is neither frozen nor open."""
    reason: str
    since: Utc | None
    """Since when it is frozen."""
    exceptions: tuple[ExceptionOut, ...]
    """Those that count now."""
    events: tuple[FreezeEventOut, ...]
    """The last hundred, in order."""

    @classmethod
    def of(cls, freeze: FreezeState, events: Sequence[FreezeEvent]) -> Self:
        return cls(
            state=freeze.state,
            reason=freeze.reason,
            since=freeze.since,
            exceptions=tuple(map(ExceptionOut.of, freeze.exceptions)),
            events=tuple(map(FreezeEventOut.of, events)),
        )
