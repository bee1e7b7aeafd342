"""What alerts need from the state store."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Protocol

from tidegate.alerts.asked_rules import AskedAnswer
from tidegate.alerts.model import Alert, AlertDetail, AlertKey, AlertState, Change, Rule
from tidegate.kernel import AlertId, WorkspaceId
from tidegate.signals import Family
from tidegate.slos import FreezeEvent
from tidegate.storage import Connection


@dataclass(frozen=True, slots=True)
class AlertFilter:
    """Which alerts of a workspace are meant; `None` means all."""

    states: Collection[AlertState] | None = None
    service: str | None = None
    tenant: str | None = None
    family: Family | None = None
    """Alerts from outside are of none."""
    codes: Collection[str] | None = None
    services: Collection[str] | None = None


@dataclass(frozen=True, slots=True)
class Watch:
    """How well the rules are being evaluated."""

    evaluated_at: datetime | None
    """The last evaluation that read all families and stored what it found; `None` before the first."""
    watched_since: datetime | None
    """Since when there was no gap between evaluations; `None` before the first."""


class AlertListener(Protocol):
    """Is told of alerts that move, before anybody else can see that they did."""

    async def changed(self, connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
        """Write what follows from `changes` in the transaction that stores them: with them, or not at all."""
        ...


class AlertStore(Protocol):
    """Keeps alerts and their transitions."""

    async def add_changes(self, workspace: WorkspaceId, changes: Sequence[Change], *, fence: int) -> None:
        """Store all of `changes` and their transitions, or nothing.

        Raises:
            WatchLostError: the watch has another holder than the one of `fence`.
            AlertOutOfStepError: a stored alert is not the one that its change starts from.
        """
        ...

    async def find_alert(self, workspace: WorkspaceId, alert_id: AlertId) -> AlertDetail | None: ...

    async def list_alerts(
        self, workspace: WorkspaceId, which: AlertFilter, *, limit: int, after: tuple[datetime, AlertId] | None
    ) -> list[Alert]:
        """Return the newest first; `after` is the last one that the caller has seen."""
        ...

    async def find_last_closed_at(
        self, workspace: WorkspaceId, which: AlertFilter, *, since: datetime
    ) -> datetime | None:
        """Return when the last alert closed at or after `since`."""
        ...

    async def find_rules_changed_at(self, workspace: WorkspaceId, codes: Collection[str] | None) -> datetime | None:
        """Return when the workspace last changed one of the rules `codes`, `None`: any; `None` when it never did."""
        ...

    async def find_watch(self, workspace: WorkspaceId, codes: Collection[str] | None = None) -> Watch:
        """Return how well `workspace` is watched for `codes`, `None`: for all; not longer than it exists.

        Where it has objectives, and their codes are among those, looks at them count as well as evaluations of rules;
        one of the last minute is as good as one of this second, since it speaks of minutes.
        """
        ...


class CountingRules(Protocol):
    """Knows which rules count in a workspace."""

    async def list_rules(self, workspace: WorkspaceId) -> Sequence[Rule]:
        """Return those that ship, changed or not, and its own; those that are switched off as well."""
        ...


class BudgetEvents(Protocol):
    """Knows what happened to releases because of a budget."""

    async def list_events(
        self, workspace: WorkspaceId, objective: str, *, since: datetime | None = None, until: datetime | None = None
    ) -> tuple[FreezeEvent, ...]:
        """Return the last of them, in order."""
        ...


class WatchStore(Protocol):
    """Lets one process evaluate at a time, for all workspaces."""

    async def claim_watch(self, holder: str, *, lease: timedelta) -> int | None:
        """Return a fence above all before it, or `None` while another holder's lease runs."""
        ...

    async def renew_watch(self, fence: int, *, lease: timedelta) -> None:
        """Prolong the lease.

        Raises:
            WatchLostError: the watch has another holder by now.
        """
        ...

    async def release_watch(self, fence: int) -> None:
        """End the lease now; no error when it was lost before."""
        ...

    async def set_evaluated(self, fence: int, *, at: datetime, rules_digest: str, lease: timedelta) -> None:
        """Note a complete evaluation and prolong the lease. After a gap, or under other rules, watching starts anew.

        Raises:
            WatchLostError: the watch has another holder by now.
        """
        ...

    async def hold(self, workspace: WorkspaceId, *, fence: int) -> None:
        """Let the moment of evaluation of one workspace stand where it stands for all.

        Raises:
            WatchLostError: the watch has another holder by now.
        """
        ...

    async def let_go(self, workspace: WorkspaceId, *, fence: int, at: datetime) -> None:
        """Let the moment of evaluation of `workspace` move with that of all. After a gap its watching starts anew.

        Raises:
            WatchLostError: the watch has another holder by now.
        """
        ...

    async def set_answers(self, workspace: WorkspaceId, answers: Sequence[AskedAnswer], *, fence: int) -> None:
        """Note what servers of others answered to rules; one that was set since, or is gone, is left as it is.

        Raises:
            WatchLostError: the watch has another holder by now.
        """
        ...

    async def list_held(self) -> list[WorkspaceId]: ...

    async def list_workspaces(self) -> list[WorkspaceId]: ...

    async def list_open_alerts(self) -> list[Alert]:
        """Return the open alerts of rules in all workspaces, for the one who evaluates all of them."""
        ...

    async def list_flaps(self, since: datetime) -> dict[AlertKey, tuple[datetime, ...]]:
        """Return of each key whose alert closed at or after `since` when it had opened and closed, of the last one."""
        ...


@dataclass(frozen=True, slots=True)
class ReadRules:
    """The rules of workspaces, as far as they can be read."""

    rules: Sequence[Rule]
    """Those that change a rule that ships are the whole rule that results."""
    unread: Mapping[WorkspaceId, Exception] = field(default_factory=dict)
    """Whose rules cannot be read, and why: what they would say is not known."""


class OwnRules(Protocol):
    """The rules that workspaces set themselves, for the one who evaluates all of them."""

    async def change_count(self) -> int:
        """Return how often rules were set: as long as it stands still, they are what they were."""
        ...

    async def read_rules(self) -> ReadRules:
        """Return the rules of all workspaces; one whose rules cannot be read keeps no other from theirs.

        Raises:
            UnavailableError: the state store does not answer for the moment.
        """
        ...
