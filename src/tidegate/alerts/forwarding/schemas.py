"""Alertmanagers on the wire. Secrets come in and never go out."""

from typing import Annotated, Self

from pydantic import Field

from tidegate.alerts.forwarding.model import Target, TargetWish
from tidegate.alerts.paging.model import MAX_MATCHERS
from tidegate.edge.wire import Utc, WireModel

__all__ = ["AlertmanagerIn", "AlertmanagerListOut", "AlertmanagerOut", "SetAlertmanagerOut"]


class AlertmanagerIn(WireModel):
    """An Alertmanager that alerts of this workspace's rules are sent to."""

    url: Annotated[str, Field(max_length=2_000)]
    """Before `/api/v2/alerts`: `https://alertmanager.example.com`."""
    matchers: Annotated[tuple[Annotated[str, Field(max_length=700)], ...], Field(max_length=MAX_MATCHERS)] = ()
    """Which alerts: all of these fit. None: all of them."""
    user: Annotated[str, Field(max_length=200)] = ""
    """Of basic authentication; empty: the secret is a token."""
    secret: Annotated[str, Field(max_length=1_000)] | None = None
    """Password or token. Left out, the one that is there stays; an empty one takes it away."""

    def wish(self) -> TargetWish:
        return TargetWish(self.url, self.matchers, self.user, self.secret)


class AlertmanagerOut(WireModel):
    name: str
    url: str
    matchers: tuple[str, ...]
    user: str
    has_secret: bool
    created_at: Utc
    changed_at: Utc
    changed_by: str
    sent_at: Utc | None
    """When it took all that fires; null before the first time."""
    tried_at: Utc | None
    problem: str
    """Why it did not take all at the last try; empty when it did."""
    firing_count: int
    """Alerts that fire, of the last try."""

    @classmethod
    def of(cls, target: Target) -> Self:
        return cls(**_facts(target))


class SetAlertmanagerOut(AlertmanagerOut):
    is_new: bool

    @classmethod
    def of_set(cls, target: Target, *, is_new: bool) -> Self:
        return cls(**_facts(target), is_new=is_new)


class AlertmanagerListOut(WireModel):
    items: tuple[AlertmanagerOut, ...]


def _facts(target: Target) -> dict[str, object]:
    return {
        "name": target.name,
        "url": target.url,
        "matchers": tuple(map(str, target.matchers)),
        "user": target.user,
        "has_secret": target.secret is not None,
        "created_at": target.created_at,
        "changed_at": target.changed_at,
        "changed_by": target.changed_by,
        "sent_at": target.sent_at,
        "tried_at": target.tried_at,
        "problem": target.problem,
        "firing_count": target.firing_count,
    }
