"""What fires in a workspace, told as an Alertmanager tells it: alerts of rules and those that others sent alike."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import quote

from tidegate.alerts.alertmanager.answers import Shown, ShownGroup, Wanted
from tidegate.alerts.alertmanager.errors import TooManyShownError
from tidegate.alerts.alertmanager.model import RESOLVE_TIMEOUT
from tidegate.alerts.labels import has_no_tolerance, labels_of
from tidegate.alerts.model import Alert
from tidegate.alerts.paging.model import (
    Hush,
    HushKind,
    Matched,
    Matcher,
    Routing,
    Silence,
    fingerprint_of,
    group_labels_of,
    matched_routes,
    matches,
)
from tidegate.alerts.paging.ports import Courier, PageStore, RoutingStore, SilenceStore, StoredRouting
from tidegate.alerts.paging.service.hushing import Husher
from tidegate.kernel import Clock, WorkspaceId
from tidegate.storage import Connection, Database

__all__ = ["Shower"]

MAX_SHOWN: Final = 10_000  # alerts of one answer: 8 MB of JSON
MAX_SILENCES: Final = 10_000
SILENCES_KEPT: Final = timedelta(hours=120)  # for how long Alertmanager shows those that are over


@dataclass(frozen=True, slots=True)
class _Told:
    """A member as `Husher` takes it."""

    key: str
    alert: Alert
    labels: Mapping[str, str]


class Shower:
    """Shows alerts, groups, silences and receivers. `url` is where people reach this server."""

    def __init__(  # noqa: PLR0913 - one argument a collaborator
        self,
        *,
        pages: PageStore,
        routings: RoutingStore,
        silences: SilenceStore,
        husher: Husher,
        courier: Courier,
        database: Database,
        clock: Clock,
        url: str,
    ) -> None:
        self._pages = pages
        self._routings = routings
        self._silences = silences
        self._husher = husher
        self._courier = courier
        self._database = database
        self._clock = clock
        self._url = url.rstrip("/")
        self.started_at = clock.now()

    def now(self) -> datetime:
        return self._clock.now()

    async def alerts(self, workspace: WorkspaceId, wanted: Wanted) -> list[Shown]:
        """Return what fires and is wanted, by fingerprint.

        Raises:
            TooManyShownError: more fits than one answer holds.
        """
        found, _ = await self._shown(workspace, wanted)
        return found

    async def groups(self, workspace: WorkspaceId, wanted: Wanted) -> list[ShownGroup]:
        """Return what fires and is wanted, by receiver and group.

        Raises:
            TooManyShownError: as for `alerts`.
        """
        found, routing = await self._shown(workspace, wanted)
        groups: dict[tuple[tuple[tuple[str, str], ...], str, str], list[Shown]] = {}
        for shown in found:
            for matched in matched_routes(routing.root, shown.labels):
                labels = tuple(sorted(group_labels_of(matched.route, shown.labels).items()))
                for receiver in matched.route.receivers:
                    if wanted.receiver is None or wanted.receiver.accepts(receiver):
                        groups.setdefault((labels, receiver, matched.route.id), []).append(shown)
        return [
            ShownGroup(dict(labels), receiver, tuple(alerts))
            for (labels, receiver, _), alerts in sorted(groups.items())
        ]

    async def receivers(self, workspace: WorkspaceId) -> list[str]:
        return sorted(await self._courier.channels(workspace))

    async def routing(self, workspace: WorkspaceId) -> StoredRouting:
        return await self._routings.find_routing(workspace)

    async def silences(self, workspace: WorkspaceId, matchers: Sequence[Matcher]) -> list[Silence]:
        """Return silences whose own matchers fit: those that hold first, then those to come, then those just over.

        Raises:
            TooManyShownError: there are more than one answer holds.
        """
        now = self._clock.now()
        found = await self._silences.list_silences(
            workspace, ending_after=now - SILENCES_KEPT, limit=MAX_SILENCES + 1, after=None
        )
        if len(found) > MAX_SILENCES:
            raise TooManyShownError(MAX_SILENCES, "silences")
        fitting = [each for each in found if matches(matchers, {own.name: own.value for own in each.matchers})]
        holding = sorted((each for each in fitting if each.starts_at <= now < each.ends_at), key=lambda e: e.ends_at)
        coming = sorted((each for each in fitting if each.starts_at > now), key=lambda each: each.starts_at)
        return [*holding, *coming, *(each for each in fitting if each.ends_at <= now)]

    async def _shown(self, workspace: WorkspaceId, wanted: Wanted) -> tuple[list[Shown], Routing]:
        now = self._clock.now()
        async with self._database.transaction(workspace) as connection:
            firing = await self._pages.list_firing_in(connection, workspace, matchers=wanted.matchers)
            stored = await self._routings.find_routing_in(connection, workspace)
            found = [
                _Told(alert.id, alert, labels)
                for alert in firing
                if not (alert.outside is not None and alert.outside.ends_at <= now)
                and matches(wanted.matchers, labels := labels_of(alert))
            ]
            if len(found) > MAX_SHOWN:
                raise TooManyShownError(MAX_SHOWN, "alerts")
            shown = await self._with_states(connection, workspace, found, stored, now=now)
        return sorted((each for each in shown if _is_wanted(each, wanted)), key=lambda e: e.fingerprint), stored.routing

    async def _with_states(
        self,
        connection: Connection,
        workspace: WorkspaceId,
        told: Sequence[_Told],
        stored: StoredRouting,
        *,
        now: datetime,
    ) -> list[Shown]:
        silences = await self._silences.list_holding_in(connection, workspace, now)
        holding = [silence for silence in silences if silence.holds_at(now)]
        routes = {each.key: matched_routes(stored.routing.root, each.labels) for each in told}
        hushes: dict[tuple[str, str], Hush | None] = {}
        for matched in {m.route.id: m for found in routes.values() for m in found}.values():
            members = [each for each in told if any(own.route.id == matched.route.id for own in routes[each.key])]
            hushed = await self._husher.hushes_in(connection, workspace, members, stored, route=matched.route, now=now)
            hushes |= {(matched.route.id, each.key): hushed.of(each.key) for each in members}
        fingerprints = {each.key: fingerprint_of(each.labels) for each in told}
        shown = []
        for each in told:
            found = [hushes[matched.route.id, each.key] for matched in routes[each.key]]
            # Muted on one way and told on another is told.
            muted = {hush.by for hush in found if hush is not None and hush.kind is HushKind.MUTED}
            is_muted = bool(muted) and all(hush is not None and hush.kind is HushKind.MUTED for hush in found)
            by = {hush.by for hush in found if hush is not None and hush.kind is HushKind.INHIBITED}
            strict = has_no_tolerance(each.alert)
            shown.append(
                replace(
                    self._plain(each, routes[each.key], now=now),
                    silenced_by=tuple(s.id for s in holding if s.covers(each.labels, is_zero_tolerance=strict)),
                    inhibited_by=tuple(sorted(fingerprints.get(name, name) for name in by)),
                    muted_by=tuple(sorted(muted)) if is_muted else (),
                )
            )
        return shown

    def _plain(self, told: _Told, routes: Collection[Matched], *, now: datetime) -> Shown:
        alert, outside = told.alert, told.alert.outside
        link = f"{self._url}/alerts/{quote(alert.id)}"
        runbook = alert.runbook if alert.runbook.startswith("https://") else f"{self._url}{alert.runbook}"
        return Shown(
            alert=alert,
            labels=told.labels,
            annotations=dict(outside.annotations)
            if outside is not None
            else {"summary": alert.sentence, "runbook_url": runbook},
            starts_at=outside.starts_at if outside is not None else alert.fired_at or alert.since,
            # An alert of a rule fires until its rule says otherwise: like one that is sent again all the time.
            ends_at=outside.ends_at if outside is not None else now + RESOLVE_TIMEOUT,
            updated_at=outside.updated_at if outside is not None else now,
            generator_url=(outside.generator_url if outside is not None else "") or link,
            fingerprint=fingerprint_of(told.labels),
            receivers=tuple(sorted({name for matched in routes for name in matched.route.receivers})),
        )


def _is_wanted(shown: Shown, wanted: Wanted) -> bool:
    if wanted.receiver is not None and not any(map(wanted.receiver.accepts, shown.receivers)):
        return False
    return not (
        (not wanted.active and not shown.is_suppressed)
        or (not wanted.silenced and shown.silenced_by)
        or (not wanted.inhibited and shown.inhibited_by)
        or (not wanted.muted and shown.muted_by)
    )
