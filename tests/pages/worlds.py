"""Made-up people and alerts for page tests; the fakes keep the promises of the services that they stand for."""

from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta

from tidegate.alerts import (
    Alert,
    AlertDetail,
    AlertKey,
    AlertNotFoundError,
    AlertState,
    Cause,
    CauseKind,
    Severity,
    Transition,
    Watch,
)
from tidegate.edge.caller import Caller, Scope
from tidegate.identity.errors import CredentialInvalidError, SignInLinkInvalidError
from tidegate.kernel import AlertId, Cursor, Page, UnavailableError, WorkspaceId
from tidegate.signals import Family

NOW = datetime(2026, 2, 7, 14, 2, 11, tzinfo=UTC)
HARBOR = WorkspaceId("harbor")
OTHER = WorkspaceId("other")
SESSION = "session-of-harbor"
OTHER_SESSION = "session-of-other"
INGEST_TOKEN = "token-that-may-only-send"
LINK = "link-that-works-once"


class FakeIdentity:
    """Knows two sessions, one token that may only send, and one link that works once."""

    def __init__(self) -> None:
        self.sessions = {SESSION: HARBOR, OTHER_SESSION: OTHER}
        self.links = {LINK}

    async def caller_of_token(self, token: str) -> Caller:
        if token != INGEST_TOKEN:
            raise CredentialInvalidError
        return Caller(HARBOR, Scope.INGEST, "tok_1", by_session=False)

    async def caller_of_session(self, session: str) -> Caller:
        if session not in self.sessions:
            raise CredentialInvalidError
        return Caller(self.sessions[session], Scope.ADMIN, "ses_1", by_session=True)

    async def sign_in(self, link: str, *, user_agent: str = "", address: str = "") -> str:
        if link not in self.links:
            raise SignInLinkInvalidError
        self.links.remove(link)
        self.sessions["session-from-link"] = HARBOR
        return "session-from-link"

    async def sign_out(self, workspace: WorkspaceId, session: str) -> None:
        assert self.sessions[session] == workspace
        del self.sessions[session]


class FakeAlerts:
    """Alerts of workspaces, as stored; never moves one."""

    rule_count = 6

    def __init__(self) -> None:
        self.alerts: dict[WorkspaceId, list[Alert]] = {}
        self.evaluated_at: datetime | None = NOW - timedelta(seconds=1)
        self.is_away = False

    async def list_alerts(
        self,
        workspace: WorkspaceId,
        *,
        states: Collection[AlertState] | None = None,
        service: str | None = None,
        limit: int = 50,
        cursor: Cursor | None = None,
    ) -> Page[Alert]:
        self._refuse_while_away()
        found = [
            alert
            for alert in sorted(self.alerts.get(workspace, ()), key=lambda alert: alert.since, reverse=True)
            if (states is None or alert.state in states) and service in {None, alert.service}
        ]
        start = int(cursor or 0)
        rest = found[start + limit :]
        return Page(tuple(found[start : start + limit]), str(start + limit) if rest else None)

    async def get_alert(self, workspace: WorkspaceId, alert_id: AlertId) -> AlertDetail:
        self._refuse_while_away()
        for alert in self.alerts.get(workspace, ()):
            if alert.id == alert_id:
                return AlertDetail(alert, transitions_of(alert))
        raise AlertNotFoundError(alert_id)

    async def get_watch(self, workspace: WorkspaceId) -> Watch:
        self._refuse_while_away()
        return Watch(evaluated_at=self.evaluated_at, watched_since=self.evaluated_at)

    def _refuse_while_away(self) -> None:
        if self.is_away:
            raise UnavailableError("PostgreSQL does not answer. `tidegate doctor` says why.", retry_after_s=2)


def make_alert(
    number: int = 1,
    *,
    workspace: WorkspaceId = HARBOR,
    code: str = "auth_failure_rate_high",
    service: str = "harbor-api",
    tenant: str | None = None,
    state: AlertState = AlertState.FIRING,
    severity: Severity = Severity.P1,
    age: timedelta = timedelta(minutes=4),
    is_held: bool = False,
) -> Alert:
    place = f" on service {service}" + (f", tenant {tenant}" if tenant else "")
    return Alert(
        id=AlertId(f"alr_{number:05d}"),
        key=AlertKey(workspace, code, service, tenant),
        family=Family.AUTH,
        severity=severity,
        runbook=f"/runbooks/{code}",
        state=state,
        value=0.3125,
        threshold=0.2,
        count=412,
        sentence=f"31.25% of 412 auth requests failed{place} in 15m; the bound is 20%.",
        since=NOW - age,
        transition_count=2,
        fired_at=NOW - age if state is not AlertState.PENDING else None,
        resolved_at=NOW - timedelta(seconds=30) if state is AlertState.RESOLVED else None,
        held_since=NOW - timedelta(minutes=1) if is_held else None,
    )


def transitions_of(alert: Alert) -> Sequence[Transition]:
    crossed = (AlertState.INACTIVE, AlertState.PENDING, CauseKind.CROSSED)
    fired = (AlertState.PENDING, AlertState.FIRING, CauseKind.SUSTAINED)
    recovered = (AlertState.FIRING, AlertState.RESOLVED, CauseKind.RECOVERED)
    moves = (crossed, fired, recovered) if alert.state is AlertState.RESOLVED else (crossed, fired)
    return tuple(
        Transition(
            sequence=number,
            from_state=before,
            to_state=after,
            at=alert.since + timedelta(seconds=number),
            cause=Cause(kind, alert.value, alert.threshold, alert.count, 20, timedelta(minutes=15), alert.sentence),
        )
        for number, (before, after, kind) in enumerate(moves, start=1)
    )
