"""Fakes of the ports around alerts; the contract suite holds the stores to the same promises as the real ones."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from tidegate.alerts.asked_rules import AskedAnswer
from tidegate.alerts.errors import AlertOutOfStepError, WatchLostError
from tidegate.alerts.model import Alert, AlertDetail, AlertKey, AlertState, Change, Transition
from tidegate.alerts.ports import AlertFilter, Watch
from tidegate.kernel import AlertId, TimeRange, UnavailableError, WorkspaceId
from tidegate.signals import Dimension, Family, GroupTotals, ListedRows, SignalScope, SubjectRows, Totals

GAP = timedelta(seconds=60)


class FakeReader:
    """Answers with the groups it was given; `is_away` makes it unavailable."""

    def __init__(self) -> None:
        self.by_family: dict[Family, list[GroupTotals]] = {}
        self.windows: list[TimeRange] = []
        self.is_away = False
        self.is_broken = False

    async def totals(
        self, workspace: WorkspaceId, family: Family, window: TimeRange | None, *, scope: SignalScope
    ) -> Totals:
        found = await self.groups([workspace], family, window)
        wanted = [group.totals for group in found if group.tenant == scope.tenant]
        return sum(wanted, Totals())

    async def totals_by(
        self,
        workspace: WorkspaceId,
        family: Family,
        window: TimeRange | None,
        *,
        by: Dimension,
        scope: SignalScope,
        limit: int = 1_000,
    ) -> dict[str, Totals]:
        if self.is_away:
            raise UnavailableError("The telemetry engine does not answer for the moment.")
        total = await self.totals(workspace, family, window, scope=scope)
        return {"401" if by == "status" else "invalid_credentials": Totals(count=total.failure_count)}

    async def groups(
        self, workspaces: Collection[WorkspaceId], family: Family, window: TimeRange | None
    ) -> list[GroupTotals]:
        if self.is_broken:
            raise ZeroDivisionError
        if self.is_away:
            raise UnavailableError("The telemetry engine does not answer for the moment.")
        if window is not None:
            self.windows.append(window)
        return [group for group in self.by_family.get(family, []) if group.workspace in workspaces]

    async def counted_rows(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[Family],
        window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:
        found = {family: await self.groups(workspaces, family, None) for family in families}
        self.windows.append(window)
        return [ListedRows(found)]

    async def timed_rows(
        self,
        workspaces: Collection[WorkspaceId],
        families: Collection[Family],
        window: TimeRange,
        dimensions: Sequence[Dimension],
    ) -> Sequence[SubjectRows]:
        return []

    async def telemetry_rows(self, workspaces: Collection[WorkspaceId], window: TimeRange) -> Sequence[SubjectRows]:
        return []


@dataclass
class FakeStores:
    """`AlertStore` and `WatchStore` in memory, with the time of the leases turned by hand."""

    workspaces: dict[WorkspaceId, datetime] = field(default_factory=dict)
    """Each with the moment of its creation."""
    alerts: dict[tuple[WorkspaceId, AlertId], Alert] = field(default_factory=dict)
    transitions: dict[tuple[WorkspaceId, AlertId], list[Transition]] = field(default_factory=dict)
    on_write: Callable[[], None] = lambda: None
    """Called before each write of changes; raise here to make it fail."""
    after_write: Callable[[], None] = lambda: None
    """Called after each write of changes; raise here to lose its answer."""
    lease_now: timedelta = timedelta()
    holder: str | None = None
    fence: int = 0
    expires_at: timedelta = timedelta(days=-1)
    evaluated_at: datetime | None = None
    watched_since: datetime | None = None
    rules_digest: str | None = None
    write_count: int = 0
    rule_changes: dict[tuple[WorkspaceId, str], datetime] = field(default_factory=dict)

    answers: dict[tuple[WorkspaceId, str], AskedAnswer] = field(default_factory=dict)
    held: dict[WorkspaceId, datetime | None] = field(default_factory=dict)
    """With when they were last evaluated."""
    back_since: dict[WorkspaceId, datetime] = field(default_factory=dict)
    unwritable: WorkspaceId | None = None
    """A workspace whose changes the store refuses."""

    async def add_changes(self, workspace: WorkspaceId, changes: Sequence[Change], *, fence: int) -> None:
        self.on_write()
        if workspace == self.unwritable:
            raise ValueError(workspace)
        if fence != self.fence:
            raise WatchLostError
        for change in changes:
            self._refuse_out_of_step(workspace, change)
        for change in changes:
            self.alerts[workspace, change.alert.id] = change.alert
            self.transitions.setdefault((workspace, change.alert.id), []).extend(change.transitions)
        self.write_count += 1
        self.after_write()

    def _refuse_out_of_step(self, workspace: WorkspaceId, change: Change) -> None:
        stored = self.alerts.get((workspace, change.alert.id))
        if change.is_new:
            if stored or any(alert.is_open and alert.key == change.alert.key for alert in self.alerts.values()):
                raise AlertOutOfStepError
        elif stored is None or stored.transition_count != change.transitions[0].sequence - 1:
            raise AlertOutOfStepError

    async def find_alert(self, workspace: WorkspaceId, alert_id: AlertId) -> AlertDetail | None:
        alert = self.alerts.get((workspace, alert_id))
        return AlertDetail(alert, tuple(self.transitions[workspace, alert_id])) if alert else None

    async def list_alerts(
        self, workspace: WorkspaceId, which: AlertFilter, *, limit: int, after: tuple[datetime, AlertId] | None
    ) -> list[Alert]:
        found = [
            alert for alert in self._matching(workspace, which) if after is None or (alert.since, alert.id) < after
        ]
        return sorted(found, key=lambda alert: (alert.since, alert.id), reverse=True)[:limit]

    async def find_last_closed_at(
        self, workspace: WorkspaceId, which: AlertFilter, *, since: datetime
    ) -> datetime | None:
        closed = [alert.resolved_at for alert in self._matching(workspace, which) if alert.resolved_at is not None]
        return max((moment for moment in closed if moment >= since), default=None)

    async def find_rules_changed_at(self, workspace: WorkspaceId, codes: Collection[str] | None) -> datetime | None:
        found = [
            at for (owner, code), at in self.rule_changes.items() if owner == workspace and code in (codes or [code])
        ]
        return max(found, default=None)

    async def find_watch(self, workspace: WorkspaceId, codes: Collection[str] | None = None) -> Watch:
        del codes
        created_at = self.workspaces.get(workspace)
        if created_at is None or self.evaluated_at is None or self.evaluated_at < created_at:
            return Watch(None, None)
        assert self.watched_since is not None
        evaluated_at = self.held.get(workspace, self.evaluated_at)
        since = max(self.watched_since, created_at, self.back_since.get(workspace, created_at))
        return Watch(evaluated_at, since) if evaluated_at is not None else Watch(None, None)

    async def claim_watch(self, holder: str, *, lease: timedelta) -> int | None:
        if holder != self.holder and self.expires_at >= self.lease_now:
            return None
        self.holder, self.fence, self.expires_at = holder, self.fence + 1, self.lease_now + lease
        return self.fence

    async def renew_watch(self, fence: int, *, lease: timedelta) -> None:
        if fence != self.fence:
            raise WatchLostError
        self.expires_at = self.lease_now + lease

    async def release_watch(self, fence: int) -> None:
        if fence == self.fence:
            self.expires_at = timedelta(days=-1)

    async def set_evaluated(self, fence: int, *, at: datetime, rules_digest: str, lease: timedelta) -> None:
        await self.renew_watch(fence, lease=lease)
        is_continued = (
            rules_digest == self.rules_digest and self.evaluated_at is not None and abs(at - self.evaluated_at) <= GAP
        )
        self.watched_since = min(self.watched_since or at, at) if is_continued else at
        self.evaluated_at, self.rules_digest = at, rules_digest

    async def hold(self, workspace: WorkspaceId, *, fence: int) -> None:
        if fence != self.fence:
            raise WatchLostError
        self.held.setdefault(workspace, self.evaluated_at)

    async def let_go(self, workspace: WorkspaceId, *, fence: int, at: datetime) -> None:
        if fence != self.fence:
            raise WatchLostError
        evaluated_at = self.held.pop(workspace)
        if evaluated_at is None or abs(at - evaluated_at) > GAP:
            self.back_since[workspace] = at

    async def set_answers(self, workspace: WorkspaceId, answers: Sequence[AskedAnswer], *, fence: int) -> None:
        if fence != self.fence:
            raise WatchLostError
        self.answers |= {(workspace, one.code): one for one in answers}

    async def list_held(self) -> list[WorkspaceId]:
        return sorted(self.held)

    async def list_workspaces(self) -> list[WorkspaceId]:
        return sorted(self.workspaces)

    async def list_open_alerts(self) -> list[Alert]:
        # As new objects: nobody may rely on getting back what was put in.
        return [replace(alert) for alert in self.alerts.values() if alert.is_open]

    async def list_flaps(self, since: datetime) -> dict[AlertKey, tuple[datetime, ...]]:
        closed = [one for one in self.alerts.values() if one.resolved_at is not None and one.resolved_at >= since]
        ordered = sorted(closed, key=lambda one: (one.resolved_at, one.since))
        return {one.key: one.flaps for one in ordered if one.flaps}

    def _matching(self, workspace: WorkspaceId, which: AlertFilter) -> list[Alert]:
        return [
            alert
            for (of_workspace, _), alert in self.alerts.items()
            if of_workspace == workspace
            and (which.states is None or alert.state in which.states)
            and (which.service is None or alert.service == which.service)
            and (which.tenant is None or alert.tenant == which.tenant)
            and (which.family is None or alert.family is which.family)
            and (which.codes is None or alert.code in which.codes)
            and (which.services is None or alert.service in which.services)
        ]


def states_of(transitions: Sequence[Transition]) -> list[AlertState]:
    return [transition.to_state for transition in transitions]
