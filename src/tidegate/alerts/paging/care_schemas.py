"""Taking alerts on, and why people were told, on the wire."""

from typing import Annotated, Self

from pydantic import Field

from tidegate.alerts.paging.answers import Why
from tidegate.alerts.paging.model import Care, CareEvent, CareKind, Decision, DecisionKind
from tidegate.alerts.paging.records import PageRow, Place
from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import Page

_Note = Annotated[str, Field(max_length=2_000)]


class AcknowledgeIn(WireModel):
    note: _Note = ""


class AssignIn(WireModel):
    assignee: Annotated[str, Field(max_length=64)] | None
    """Id of a person; null for nobody."""
    note: _Note = ""


class NoteIn(WireModel):
    note: _Note


class CareOut(WireModel):
    acknowledged_at: Utc | None
    acknowledged_by: str | None
    assignee: str | None

    @classmethod
    def of(cls, care: Care) -> Self:
        return cls(acknowledged_at=care.acknowledged_at, acknowledged_by=care.acknowledged_by, assignee=care.assignee)


class CareEventOut(WireModel):
    kind: CareKind
    at: Utc
    by: str
    assignee: str | None
    note: str

    @classmethod
    def of(cls, event: CareEvent) -> Self:
        return cls(kind=event.kind, at=event.at, by=event.by, assignee=event.assignee, note=event.note)


class DecisionOut(WireModel):
    kind: DecisionKind
    is_told: bool
    at: Utc
    words: str
    cause: str
    """Id of the page, silence or alert, or the name of the interval that it rests on."""
    channels: tuple[str, ...]
    path: tuple[str, ...]
    group_id: str | None

    @classmethod
    def of(cls, decision: Decision) -> Self:
        return cls(
            kind=decision.kind,
            is_told=decision.is_told,
            at=decision.at,
            words=decision.words,
            cause=decision.cause,
            channels=decision.channels,
            path=decision.path,
            group_id=decision.group_id,
        )


class PlaceOut(WireModel):
    group_id: str
    group_key: str
    path: tuple[str, ...]
    next_at: Utc | None
    """When its group is looked at next, if nothing happens before."""
    last_sent_at: Utc | None

    @classmethod
    def of(cls, place: Place) -> Self:
        return cls(
            group_id=place.group_id,
            group_key=place.group_key,
            path=place.path,
            next_at=place.next_at,
            last_sent_at=place.last_sent_at,
        )


class WhyOut(WireModel):
    alert_id: str
    answer: str
    """One sentence: told when and to whom, or why not."""
    is_told: bool
    decisions: tuple[DecisionOut, ...]
    """In order; one a reason, not one a look."""
    groups: tuple[PlaceOut, ...]
    care: CareOut
    events: tuple[CareEventOut, ...]

    @classmethod
    def of(cls, why: Why) -> Self:
        return cls(
            alert_id=why.alert.id,
            answer=why.answer,
            is_told=why.is_told,
            decisions=tuple(map(DecisionOut.of, why.decisions)),
            groups=tuple(map(PlaceOut.of, why.places)),
            care=CareOut.of(why.care),
            events=tuple(map(CareEventOut.of, why.events)),
        )


class PageOut(WireModel):
    id: str
    event: str
    reason: str
    at: Utc
    channels: tuple[str, ...]
    title: str
    alert_count: int
    firing_count: int
    group_key: str

    @classmethod
    def of(cls, page: PageRow) -> Self:
        return cls(
            id=page.id,
            event=page.event,
            reason=page.reason,
            at=page.at,
            channels=page.channels,
            title=page.title,
            alert_count=page.alert_count,
            firing_count=page.firing_count,
            group_key=page.group_key,
        )


class PageListOut(WireModel):
    items: tuple[PageOut, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[PageRow]) -> Self:
        return cls(items=tuple(map(PageOut.of, page.items)), next_cursor=page.next_cursor)
