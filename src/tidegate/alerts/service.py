"""What people and gates ask of alerts. Nothing here moves an alert: the evaluator does."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from tidegate.alerts.errors import AlertNotFoundError
from tidegate.alerts.model import (
    DEFAULT_WINDOW,
    Alert,
    AlertDetail,
    AlertKey,
    AlertPreview,
    AlertState,
    FamilyAlert,
    Origin,
    QuietState,
    Rule,
    exceeds,
    judge,
    sentence_of,
    window_at,
)
from tidegate.alerts.ports import AlertFilter, AlertStore, BudgetEvents, CountingRules, Watch
from tidegate.alerts.rules import batches_of, overridden, override_names, override_rules
from tidegate.kernel import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    AlertId,
    Clock,
    Cursor,
    InvalidInputError,
    Page,
    TimeRange,
    WorkspaceId,
    decode_cursor,
    encode_cursor,
    format_utc,
    parse_utc,
)
from tidegate.signals import Family, GroupTotals, SignalReader, SignalScope, figures_of

__all__ = ["OPEN_STATES", "AlertService"]

OPEN_STATES = frozenset({AlertState.PENDING, AlertState.FIRING})
_ANSWERED = frozenset({Family.REQUEST, Family.AUTH, Family.TENANT})  # families whose events have a status
_OPEN_LIMIT = 1_000  # the most that one answer shows; an outage of all of 10,000 tenants says enough with these


class AlertService:
    """Reads alerts of one workspace at a time."""

    def __init__(
        self,
        *,
        rules: Sequence[Rule],
        reader: SignalReader,
        store: AlertStore,
        clock: Clock,
        budgets: BudgetEvents | None = None,
        own: CountingRules | None = None,
    ) -> None:
        self._budgets = budgets
        self._own = own
        self._rules = tuple(rules)
        self._reader = reader
        self._store = store
        self._clock = clock

    @property
    def rules(self) -> tuple[Rule, ...]:
        return self._rules

    async def list_rules(self, workspace: WorkspaceId) -> Sequence[Rule]:
        """Return the rules that count in `workspace`: those that ship, changed or not, and its own."""
        found = self._rules if self._own is None else await self._own.list_rules(workspace)
        return [rule for rule in found if rule.is_enabled]

    @property
    def rule_count(self) -> int:
        return len(self._rules)

    async def list_alerts(  # noqa: PLR0913 - the filters of a list
        self,
        workspace: WorkspaceId,
        *,
        states: Collection[AlertState] | None = None,
        service: str | None = None,
        family: Family | None = None,
        tenant: str | None = None,
        limit: int = DEFAULT_LIMIT,
        cursor: Cursor | None = None,
    ) -> Page[Alert]:
        """Return alerts, the newest first.

        Raises:
            InvalidInputError: the cursor or the limit is none.
        """
        if not 1 <= limit <= MAX_LIMIT:
            raise InvalidInputError(f"The limit must lie between 1 and {MAX_LIMIT}.", field="limit")
        _refuse_nul(service, field="service")
        _refuse_nul(tenant, field="tenant")
        which = AlertFilter(states=states, service=service, family=family, tenant=tenant)
        after = _place_of(cursor) if cursor is not None else None
        found = await self._store.list_alerts(workspace, which, limit=limit + 1, after=after)
        items = tuple(found[:limit])
        return Page(items, _cursor_of(items[-1]) if len(found) > limit else None)

    async def get_alert(self, workspace: WorkspaceId, alert_id: AlertId) -> AlertDetail:
        """Return an alert and how it moved.

        Raises:
            AlertNotFoundError: the workspace has no such alert.
        """
        found = await self._store.find_alert(workspace, alert_id) if "\0" not in alert_id else None
        if found is None:
            raise AlertNotFoundError(alert_id)
        alert = found.alert
        if alert.origin is not Origin.OBJECTIVES or self._budgets is None:
            return found
        events = await self._budgets.list_events(
            workspace, dict(alert.key.labels)["objective"], since=alert.since, until=alert.resolved_at
        )
        return replace(found, budget_events=events)

    async def get_watch(self, workspace: WorkspaceId) -> Watch:
        return await self._store.find_watch(workspace)

    def override_names(self, family: Family) -> tuple[str, ...]:
        return override_names(self._rules_of(family))

    async def preview(
        self, workspace: WorkspaceId, family: Family, overrides: Mapping[str, str], *, tenant: str | None = None
    ) -> AlertPreview:
        """Return figures and alerts of `family`; with `overrides`, what those bounds find now. Stores nothing.

        Raises:
            OverrideInvalidError: an unknown name, or a value that is no bound.
            UnavailableError: an engine does not answer for the moment.
        """
        _refuse_nul(tenant, field="workspaceId")
        shipped = self._rules_of(family)
        override_rules(shipped, overrides)
        counting = [rule for rule in await self.list_rules(workspace) if rule.family is family] if overrides else []
        rules = tuple(overridden(rule, overrides) for rule in counting)
        now = self._clock.now()
        # Asked first: an alert that opens in between is then shown with a later moment, never with one before it.
        watch = await self._store.find_watch(workspace)
        which = AlertFilter(states=OPEN_STATES, family=family, tenant=tenant)
        stored = await self._store.list_alerts(workspace, which, limit=_OPEN_LIMIT, after=None)
        window = window_at(now, max((rule.window for rule in shipped), default=DEFAULT_WINDOW))
        scope = SignalScope(tenant=tenant)
        return AlertPreview(
            family=family,
            window=window,
            evaluated_at=now if overrides else watch.evaluated_at,
            figures=figures_of(family, await self._reader.totals(workspace, family, window, scope=scope)),
            breakdowns=await self._breakdowns(workspace, family, window, scope),
            alerts=await self._found(workspace, rules, stored, tenant=tenant, now=now)
            if overrides
            else tuple(_shown(alert) for alert in stored),
            is_preview=bool(overrides),
        )

    async def quiet_state(
        self, workspace: WorkspaceId, codes: Collection[str], services: Collection[str], *, since: datetime
    ) -> QuietState:
        """Return what is open of `codes` on `services`, and what closed at or after `since`; none named means all."""
        named = AlertFilter(codes=codes or None, services=services or None)
        watch = await self._store.find_watch(workspace, named.codes)
        changed_at = await self._store.find_rules_changed_at(workspace, named.codes)
        watched_since = watch.watched_since
        if watched_since is not None and changed_at is not None:
            watched_since = max(watched_since, changed_at)  # quiet under other rules is not known to be quiet
        # Open ones before closed ones: an alert that closes in between is then seen twice instead of never.
        still_open = AlertFilter(states=OPEN_STATES, codes=named.codes, services=named.services)
        open_alerts = await self._store.list_alerts(workspace, still_open, limit=_OPEN_LIMIT, after=None)
        return QuietState(
            open_alerts=tuple(open_alerts),
            last_closed_at=await self._store.find_last_closed_at(workspace, named, since=since),
            evaluated_at=watch.evaluated_at,
            watched_since=watched_since,
        )

    def _rules_of(self, family: Family) -> tuple[Rule, ...]:
        return tuple(rule for rule in self._rules if rule.family is family)

    async def _breakdowns(
        self, workspace: WorkspaceId, family: Family, window: TimeRange, scope: SignalScope
    ) -> dict[str, dict[str, int]]:
        if family not in _ANSWERED:
            return {}
        by_status = await self._reader.totals_by(workspace, family, window, by="status", scope=scope)
        by_error = await self._reader.totals_by(workspace, family, window, by="error_code", scope=scope)
        return {
            "statusCounts": {key: totals.count for key, totals in by_status.items()},
            "errorCodeCounts": {key: totals.count for key, totals in by_error.items()},
        }

    async def _found(
        self,
        workspace: WorkspaceId,
        rules: Sequence[Rule],
        stored: Sequence[Alert],
        *,
        tenant: str | None,
        now: datetime,
    ) -> tuple[FamilyAlert, ...]:
        since = {alert.key: alert.since for alert in stored}
        # Rules that group by more have no override: what is stored of them stands.
        plain = [rule for rule in rules if rule.is_plainly_grouped]
        codes = {rule.code for rule in plain}
        found = [_shown(alert) for alert in stored if alert.code not in codes]
        for (family, length), batch in batches_of(plain):
            groups = await self._reader.groups([workspace], family, window_at(now, length))
            found += [
                _would_be(own, group, since, now)
                for rule, bounds in [(rule, dict(rule.tenants)) for rule in batch]
                for group in groups
                if (tenant is None or group.tenant == tenant)
                and (group.tenant or rule.judges_all_tenants)
                and exceeds(own := rule.of_tenant(group.tenant, bounds), group.totals)
            ]
        return tuple(found[:_OPEN_LIMIT])


def _refuse_nul(text: str | None, *, field: str) -> None:
    """PostgreSQL has no NUL in its texts, so nothing that is stored can match one."""
    if text is not None and "\0" in text:
        raise InvalidInputError(f"`{field}` contains a NUL character.", field=field)


def _would_be(rule: Rule, group: GroupTotals, since: Mapping[AlertKey, datetime], now: datetime) -> FamilyAlert:
    key = AlertKey(group.workspace, rule.code, group.service, group.tenant)
    judgement = judge(rule, group.totals)
    return FamilyAlert(
        code=rule.code,
        severity=rule.severity,
        sentence=sentence_of(rule, key, judgement),
        value=judgement.value,
        threshold=rule.threshold,
        count=judgement.count,
        since=since.get(key, now),
        runbook=rule.runbook_link,
        service=group.service,
        tenant=group.tenant,
        state=AlertState.PENDING if rule.lasting else AlertState.FIRING,
    )


def _shown(alert: Alert) -> FamilyAlert:
    return FamilyAlert(
        code=alert.code,
        severity=alert.severity,
        sentence=alert.sentence,
        value=alert.value,
        threshold=alert.threshold,
        count=alert.count,
        since=alert.since,
        runbook=alert.runbook,
        service=alert.service,
        tenant=alert.tenant,
        state=alert.state,
    )


def _cursor_of(alert: Alert) -> Cursor:
    return encode_cursor(f"{format_utc(alert.since)} {alert.id}")


def _place_of(cursor: Cursor) -> tuple[datetime, AlertId]:
    moment, _, alert_id = decode_cursor(cursor).partition(" ")
    _refuse_nul(alert_id, field="cursor")
    try:
        return parse_utc(moment, field="cursor"), AlertId(alert_id)
    except OverflowError as error:  # a moment in year 1 or 9999 whose offset leads out of the calendar
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor") from error
