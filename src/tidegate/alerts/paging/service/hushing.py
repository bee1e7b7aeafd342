"""Which alerts are not told for the moment, and because of what."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from tidegate.alerts.labels import has_no_tolerance, labels_of
from tidegate.alerts.model import Alert
from tidegate.alerts.paging.model import Hush, HushKind, InhibitRule, Route, Silence, matches
from tidegate.alerts.paging.ports import PageStore, SilenceStore, StoredRouting
from tidegate.kernel import WorkspaceId
from tidegate.storage import Connection

__all__ = ["Husher", "Hushes", "inhibited_by", "silenced_by"]

_Labels = Mapping[str, str]


class Labelled(Protocol):
    """What can be hushed."""

    @property
    def key(self) -> str: ...

    @property
    def alert(self) -> Alert: ...

    @property
    def labels(self) -> _Labels: ...


@dataclass(frozen=True, slots=True)
class Hushes:
    """What is hushed, by member."""

    by_key: Mapping[str, Hush] = field(default_factory=dict)
    reasons: Mapping[str, str] = field(default_factory=dict)
    """What was given as the reason of silences, by id."""

    def of(self, key: str) -> Hush | None:
        return self.by_key.get(key)


class Husher:
    """Holds alerts against the times of their route, silences, and what inhibits them, in this order.

    What has no tolerance is neither muted nor inhibited, and silenced only by two people.
    """

    def __init__(self, *, silences: SilenceStore, pages: PageStore) -> None:
        self._silences = silences
        self._pages = pages

    async def hushes_in(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        members: Sequence[Labelled],
        stored: StoredRouting,
        *,
        route: Route,
        now: datetime,
    ) -> Hushes:
        silences = [
            silence
            for silence in await self._silences.list_holding_in(connection, workspace, now)
            if silence.holds_at(now)
        ]
        sources = await self._sources(connection, workspace, members, stored.routing.inhibit_rules)
        muted_by = stored.routing.muted_by(route, now)
        mute = muted_by and Hush(HushKind.MUTED, muted_by, stored.routing.next_change_of(route, now))
        found: dict[str, Hush] = {}
        for member in members:
            has_tolerance = not has_no_tolerance(member.alert)
            hush = (mute or None) if has_tolerance else None
            hush = hush or silenced_by(silences, member.labels, has_tolerance=has_tolerance, now=now)
            if hush is None and has_tolerance:
                hush = inhibited_by(stored.routing.inhibit_rules, sources, member)
            if hush is not None:
                found[member.key] = hush
        return Hushes(found, {silence.id: silence.reason for silence in silences})

    async def _sources(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        members: Iterable[Labelled],
        rules: Sequence[InhibitRule],
    ) -> Mapping[str, list[tuple[Alert, _Labels]]]:
        """Return what fires and fits the source of a rule whose target some member fits, by rule."""
        wanted = [rule for rule in rules if any(matches(rule.target, member.labels) for member in members)]
        if not wanted:
            return {}
        firing = [(alert, labels_of(alert)) for alert in await self._pages.list_firing_in(connection, workspace)]
        return {
            rule.name: [(alert, labels) for alert, labels in firing if matches(rule.source, labels)] for rule in wanted
        }


def silenced_by(silences: Sequence[Silence], labels: _Labels, *, has_tolerance: bool, now: datetime) -> Hush | None:
    """Return the silence of `silences`, which hold at `now`, that keeps an alert back longest."""
    own = [silence for silence in silences if silence.covers(labels, is_zero_tolerance=not has_tolerance)]
    if not own:
        return None
    # The one that holds longest says until when.
    longest = max(own, key=lambda silence: (silence.next_change_at(now), silence.id))
    return Hush(HushKind.SILENCED, longest.id, longest.next_change_at(now))


def inhibited_by(
    rules: Sequence[InhibitRule], sources: Mapping[str, list[tuple[Alert, _Labels]]], member: Labelled
) -> Hush | None:
    """Return what keeps `member` back because it fires too; `sources` fit the source of each rule."""
    for rule in rules:
        found = sources.get(rule.name)
        if not found or not matches(rule.target, member.labels):
            continue
        is_source_too = matches(rule.source, member.labels)
        for alert, labels in found:
            agrees = all(labels.get(name, "") == member.labels.get(name, "") for name in rule.equal)
            if agrees and not (is_source_too and matches(rule.target, labels)):
                return Hush(HushKind.INHIBITED, alert.id)
    return None
