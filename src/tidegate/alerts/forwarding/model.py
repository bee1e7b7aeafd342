"""Which alerts an Alertmanager is sent, and in which shape. Pure."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import quote

from tidegate.alerts.labels import labels_of
from tidegate.alerts.model import Alert, AlertState
from tidegate.alerts.paging.model import Matcher, matches
from tidegate.kernel import canonical_json, format_utc

__all__ = ["INTERVAL", "MAX_TARGETS", "OVER_FOR", "Target", "TargetWish", "batches", "wire_of"]

INTERVAL: Final = timedelta(seconds=60)
"""How often what fires is sent again: Prometheus' own."""
_AHEAD: Final = 4 * INTERVAL  # as Prometheus: three tries may fail before it ends there by itself
OVER_FOR: Final = timedelta(minutes=15)
"""How long what is over is sent as over: Prometheus' own."""
MAX_TARGETS: Final = 10
_MAX_BATCH: Final = 500
_MAX_BATCH_BYTES: Final = 1024 * 1024
_MAX_TEXT: Final = 2_048  # of one annotation


@dataclass(frozen=True, slots=True)
class Target:
    """An Alertmanager with a name."""

    name: str
    url: str
    revision: str
    created_at: datetime
    changed_at: datetime
    changed_by: str
    matchers: tuple[Matcher, ...] = ()
    user: str = ""
    """Of basic authentication; empty: the secret, if there is one, is a token."""
    secret: bytes | None = field(default=None, repr=False)
    """Sealed."""
    turn: int = 0
    sent_at: datetime | None = None
    """When all was taken last."""
    tried_at: datetime | None = None
    problem: str = ""
    firing_count: int = 0


@dataclass(frozen=True, slots=True)
class TargetWish:
    """All of an Alertmanager; a secret that is left out stays as it was, an empty one goes."""

    url: str
    matchers: tuple[str, ...] = ()
    user: str = ""
    secret: str | None = field(default=None, repr=False)


def wire_of(
    alerts: Iterable[Alert], matchers: Sequence[Matcher], *, now: datetime, url: str
) -> tuple[list[dict[str, Any]], int]:
    """Return what is posted, one a label set, and how many of them fire: what fires counts before what is over."""
    found: dict[bytes, tuple[Alert, dict[str, str]]] = {}
    for alert in alerts:
        labels = {name: value for name, value in labels_of(alert).items() if value}
        if alert.outside is not None or not matches(matchers, labels):
            continue
        key = canonical_json(labels)
        if key not in found or _rank(alert) > _rank(found[key][0]):
            found[key] = (alert, labels)
    firing = sum(alert.state is AlertState.FIRING for alert, _ in found.values())
    return [_posted(alert, labels, now=now, url=url) for alert, labels in found.values()], firing


def batches(posted: Sequence[Mapping[str, Any]]) -> Iterator[bytes]:
    """Yield bodies that an Alertmanager takes one after the other; one alert always fits."""
    waiting: list[bytes] = []
    size = 0
    for each in map(canonical_json, posted):
        if waiting and (len(waiting) >= _MAX_BATCH or size + len(each) > _MAX_BATCH_BYTES):
            yield b"[" + b",".join(waiting) + b"]"
            waiting, size = [], 0
        waiting.append(each)
        size += len(each) + 1
    if waiting:
        yield b"[" + b",".join(waiting) + b"]"


def _rank(alert: Alert) -> tuple[bool, datetime]:
    return alert.state is AlertState.FIRING, alert.resolved_at or alert.fired_at or alert.since


def _posted(alert: Alert, labels: dict[str, str], *, now: datetime, url: str) -> dict[str, Any]:
    link = f"{url.rstrip('/')}/alerts/{quote(alert.id, safe='')}"
    runbook = alert.runbook if alert.runbook.startswith("https://") else f"{url.rstrip('/')}{alert.runbook}"
    starts_at = alert.fired_at or alert.since
    ends_at = now + _AHEAD if alert.state is AlertState.FIRING else max(alert.resolved_at or now, starts_at)
    return {
        "labels": labels,
        "annotations": {"summary": alert.sentence[:_MAX_TEXT], "runbook_url": runbook[:_MAX_TEXT]},
        "startsAt": format_utc(starts_at),
        "endsAt": format_utc(ends_at),
        "generatorURL": link,
    }
