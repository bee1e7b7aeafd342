"""From a page to notices: what each channel gets. Bounded, however many alerts a group has."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote, urlencode

from tidegate.alerts.model import Alert
from tidegate.alerts.paging.model import fingerprint_of, stable_id
from tidegate.alerts.paging.ports import Channel, Group, GroupMember, Message, PageRow
from tidegate.kernel import WorkspaceId, canonical_json, format_utc

__all__ = ["Telling", "Writer"]

_MAX_ALERTS: Final = 50
_MAX_LINES: Final = 10
_MAX_BODY_BYTES: Final = 40_000  # deliveries take 48 KB with all that stands around it
_MAX_TEXT: Final = 256  # of one label or annotation, where one alert alone is too long
_NEVER: Final = "0001-01-01T00:00:00Z"
_AROUND: Final = timedelta(minutes=15)


@dataclass(frozen=True, slots=True)
class Telling:
    """One page: what is told of a group, and to which channels."""

    page_id: str
    group: Group
    event: str
    reason: str
    channels: tuple[str, ...]
    members: tuple[GroupMember, ...]
    at: datetime
    unacknowledged_count: int = 0
    """Of what is told as acknowledged: how many others of the group were told, fire, and wait for somebody."""

    @property
    def firing(self) -> list[GroupMember]:
        return [member for member in self.members if member.is_firing]

    @property
    def severity(self) -> str:
        return min((str(member.alert.severity) for member in self.firing or self.members), default="P2")

    def title(self) -> str:
        """Return one line: state, severity, what, where, how many."""
        word = {"alert.escalated": "ESCALATED", "alert.resolved": "RESOLVED", "alert.acknowledged": "ACKNOWLEDGED"}
        codes = sorted({member.alert.code for member in self.members})
        places = sorted({member.alert.service or "a service without a name" for member in self.members})
        what = codes[0] if len(codes) == 1 else f"{len(codes)} kinds of alerts"
        where = places[0] if len(places) == 1 else f"{len(places)} services"
        count = f" ({len(self.members)} alerts)" if len(self.members) > 1 else ""
        return f"{word.get(self.event, 'FIRING')} {self.severity} {what} on {where}{count}"

    def row(self) -> PageRow:
        return PageRow(
            self.page_id, self.group.id, self.group.key, self.group.route_id, self.event, self.reason, self.at,
            self.channels, self.title(), len(self.members), len(self.firing),
        )  # fmt: skip


class Writer:
    """Writes notices; `external_url` is where people reach this server."""

    def __init__(self, external_url: str) -> None:
        self._url = external_url.rstrip("/")

    def messages(self, workspace: WorkspaceId, telling: Telling, channels: Mapping[str, Channel]) -> list[Message]:
        """Return one message a channel; its id is the same whenever it is made."""
        body = self.body(workspace, telling)
        first = telling.members[0].alert
        lines = tuple(member.alert.sentence for member in telling.members[:_MAX_LINES])
        more = len(telling.members) - len(lines)
        if more > 0:
            lines = (*lines, f"And {more} more.")
        return [
            Message(
                id=stable_id("msg", telling.page_id, channels[name].id),
                channel=channels[name],
                event=telling.event,
                severity=telling.severity,
                title=telling.title(),
                lines=lines,
                links={"alert": self._alert_link(first), "runbook": self._runbook_link(first)},
                dedup_key=telling.group.id,
                data={**body, "receiver": name},
            )
            for name in telling.channels
            if name in channels
        ]

    def body(self, workspace: WorkspaceId, telling: Telling) -> dict[str, Any]:
        """Return Alertmanager's webhook, version 4, and what only tidegate knows under `tidegate`."""
        shown = list(telling.members[:_MAX_ALERTS])
        body = self._body(workspace, telling, shown)
        while len(canonical_json(body)) > _MAX_BODY_BYTES and len(shown) > 1:
            shown = shown[: len(shown) // 2]
            body = self._body(workspace, telling, shown)
        return body if len(canonical_json(body)) <= _MAX_BODY_BYTES else _cut(body)

    def _body(self, workspace: WorkspaceId, telling: Telling, shown: Sequence[GroupMember]) -> dict[str, Any]:
        labels = [dict(member.labels) for member in telling.members]
        notes = [self._annotations(member.alert) for member in telling.members]
        return {
            "version": "4",
            "groupKey": telling.group.key,
            "truncatedAlerts": len(telling.members) - len(shown),
            "status": "firing" if telling.firing else "resolved",
            "receiver": "",
            "groupLabels": dict(telling.group.labels),
            "commonLabels": _common(labels),
            "commonAnnotations": _common(notes),
            "externalURL": self._url,
            "notification_reason": telling.reason,
            "alerts": [self._alert(member) for member in shown],
            "tidegate": {
                "workspace": workspace,
                "page": telling.page_id,
                "group": telling.group.id,
                "event": telling.event,
                "severity": telling.severity,
                "sentAt": format_utc(telling.at),
                **({"unacknowledged": telling.unacknowledged_count} if telling.event == "alert.acknowledged" else {}),
                "alerts": [self._own(member) for member in shown],
            },
        }

    def _alert(self, member: GroupMember) -> dict[str, Any]:
        alert, outside = member.alert, member.alert.outside
        ended = alert.resolved_at if not member.is_firing else None
        return {
            "status": "firing" if member.is_firing else "resolved",
            "labels": dict(member.labels),
            "annotations": self._annotations(alert),
            "startsAt": format_utc(outside.starts_at if outside else alert.fired_at or alert.since),
            "endsAt": format_utc(ended) if ended is not None else _NEVER,
            "generatorURL": (outside.generator_url if outside else "") or self._alert_link(alert),
            "fingerprint": fingerprint_of(member.labels),
        }

    def _own(self, member: GroupMember) -> dict[str, Any]:
        alert = member.alert
        return {
            "id": alert.id,
            "sentence": alert.sentence,
            "value": alert.value,
            "threshold": alert.threshold,
            "count": alert.count,
            "tenant": alert.tenant,
            "runbook": self._runbook_link(alert),
        }

    def _annotations(self, alert: Alert) -> dict[str, str]:
        if alert.outside is not None:
            return dict(alert.outside.annotations)
        return {"summary": alert.sentence, "runbook_url": self._runbook_link(alert)}

    def _alert_link(self, alert: Alert) -> str:
        return f"{self._url}/alerts/{quote(alert.id)}"

    def _runbook_link(self, alert: Alert) -> str:
        """Return the runbook with service, tenant and the time to look at filled in."""
        if not alert.runbook.startswith("/"):
            return alert.runbook
        about = {"service": alert.service, **({"tenant": alert.tenant} if alert.tenant else {})}
        end = alert.resolved_at or alert.fired_at or alert.since
        window = {"from": format_utc(alert.since - _AROUND), "to": format_utc(end + _AROUND)}
        return f"{self._url}{alert.runbook}?{urlencode({**about, **window}, errors='replace')}"


def _common(every: Sequence[Mapping[str, str]]) -> dict[str, str]:
    if not every:
        return {}
    return {name: value for name, value in every[0].items() if all(one.get(name) == value for one in every)}


def _cut(value: Any) -> Any:  # noqa: ANN401 - JSON
    if isinstance(value, str):
        return value if len(value) <= _MAX_TEXT else value[:_MAX_TEXT] + "…"
    if isinstance(value, dict):
        return {key[:_MAX_TEXT]: _cut(own) for key, own in value.items()}
    return [_cut(own) for own in value] if isinstance(value, list) else value
