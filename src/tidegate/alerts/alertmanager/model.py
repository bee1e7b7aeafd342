"""What other tools send, which of it is taken, and how an alert of theirs moves. Pure.

The rules are Alertmanager's: without a start it starts now, without an end it ends after `RESOLVE_TIMEOUT` unless it is
sent again, an end that is past says that it is over, and whatever is valid is taken even beside what is not.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final

from tidegate.alerts.model import (
    Alert,
    AlertKey,
    AlertState,
    Cause,
    CauseKind,
    Change,
    Origin,
    Outside,
    Severity,
    Transition,
    Unit,
)
from tidegate.kernel import AlertId, WorkspaceId, canonical_json, format_utc
from tidegate.signals import Family

__all__ = [
    "MAX_ALERTS",
    "MAX_BYTES",
    "MAX_OPEN",
    "RESOLVE_TIMEOUT",
    "UNNAMED_ALERT",
    "Labels",
    "Sent",
    "labels_key",
    "newest_of",
    "opened",
    "problem_of",
    "sender_of",
    "spoken_of",
    "unheard",
]

RESOLVE_TIMEOUT: Final = timedelta(minutes=5)  # Alertmanager's `resolve_timeout`
MAX_ALERTS: Final = 2_000  # of one request; Prometheus sends 256 at a time, vmalert what one group has
MAX_BYTES: Final = 64 * 1024  # of one alert's labels and annotations
MAX_OPEN: Final = 20_000  # of one workspace; a request that brings all of them at once takes seconds, not minutes
UNNAMED_ALERT: Final = "unnamed"
_MAX_LABELS: Final = 64
_MAX_NAME: Final = 128
_MAX_VALUE: Final = 2_048
_MAX_INDEXED: Final = 256  # alertname stands in an index, whose entries hold 2,704 bytes
_MAX_LINK: Final = 2_048
_MAX_SENTENCE: Final = 400
_RUNBOOK: Final = "/runbooks/outside_alert"
_WAKING: Final = frozenset({"p1", "critical", "page"})
_SENDERS: Final = {
    "prometheus": "Prometheus", "vmalert": "vmalert", "grafana": "Grafana", "mimir": "Mimir", "loki": "Loki",
    "thanos": "Thanos", "cortex": "Cortex", "alertmanager": "Alertmanager", "amtool": "amtool",
}  # fmt: skip
_SOMEBODY: Final = "Another tool"

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Sent:
    """One alert as it came, times filled in."""

    labels: Labels
    """Sorted, none of them empty."""
    annotations: Labels
    starts_at: datetime
    ends_at: datetime
    is_timeout: bool
    """Whether no end was sent."""
    generator_url: str

    def is_over_at(self, now: datetime) -> bool:
        return self.ends_at <= now

    def get(self, name: str) -> str:
        return dict(self.labels).get(name, "")


class _Field(StrEnum):
    LABEL = "label"
    ANNOTATION = "annotation"


def labels_key(labels: Mapping[str, str]) -> Labels:
    """Return a label set as alerts are told apart by it: a label without a value is none."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def problem_of(sent: Sent) -> str | None:
    """Return why an alert is not taken, `None` when it is."""
    if not sent.labels:
        return "at least one label pair required"
    problem = _pairs_problem(_Field.LABEL, sent.labels) or _pairs_problem(_Field.ANNOTATION, sent.annotations)
    return problem or _whole_problem(sent)


def _whole_problem(sent: Sent) -> str | None:
    if len(sent.get("alertname")) > _MAX_INDEXED:
        return f"invalid label set: alertname has more than {_MAX_INDEXED} characters"
    if len(sent.generator_url) > _MAX_LINK or not _is_plain(sent.generator_url):
        return f"invalid generatorURL: it has at most {_MAX_LINK} characters, none of them a control character"
    if len(canonical_json([dict(sent.labels), dict(sent.annotations)])) > MAX_BYTES:
        return f"labels and annotations are larger than {MAX_BYTES // 1024} kB"
    if sent.ends_at < sent.starts_at:
        return "start time must be before end time"
    return None


def sender_of(user_agent: str) -> str:
    """Return how a sender is called in sentences, from what it calls itself."""
    return _SENDERS.get(user_agent.partition("/")[0].strip().lower(), _SOMEBODY)


def opened(workspace: WorkspaceId, alert_id: AlertId, sent: Sent, *, sender: str, now: datetime) -> Change:
    """Return the alert that `sent` opens: it fires at once, its sender has waited as long as it wanted."""
    labels = dict(sent.labels)
    name, service, tenant = (labels.pop(name, "") for name in ("alertname", "service", "tenant"))
    sentence = _sentence(sent, name)
    alert = Alert(
        id=alert_id,
        key=AlertKey(workspace, name or UNNAMED_ALERT, service, tenant or None, tuple(sorted(labels.items()))),
        family=Family.RUNTIME,
        severity=Severity.P1 if labels.get("severity", "").lower() in _WAKING else Severity.P2,
        runbook=_runbook_of(sent),
        state=AlertState.FIRING,
        value=None,
        threshold=0,
        count=0,
        sentence=sentence,
        since=min(sent.starts_at, now),
        transition_count=1,
        fired_at=now,
        unit=Unit.COUNT,
        origin=Origin.OUTSIDE,
        outside=Outside(
            labels=sent.labels,
            annotations=sent.annotations,
            starts_at=sent.starts_at,
            ends_at=sent.ends_at,
            is_timeout=sent.is_timeout,
            generator_url=sent.generator_url,
            sender=sender,
            updated_at=now,
        ),
    )
    said = _cause(CauseKind.REPORTED, f"{sender} says so: {sentence}")
    return Change(alert, (Transition(1, AlertState.INACTIVE, AlertState.FIRING, now, said),))


def spoken_of(alert: Alert, sent: Sent, *, sender: str, now: datetime) -> tuple[Outside, Change | None]:
    """Return what is known of an open alert after it was sent again, and how it moves: not at all unless it is over."""
    before = _outside_of(alert)
    # An end that was sent counts until it has passed: who says less later takes nothing back.
    keeps_end = not before.is_timeout and before.ends_at > sent.ends_at and not sent.is_over_at(now)
    after = Outside(
        labels=before.labels,
        annotations=sent.annotations,
        starts_at=min(before.starts_at, sent.starts_at),
        ends_at=before.ends_at if keeps_end else sent.ends_at,
        is_timeout=before.is_timeout if keeps_end else sent.is_timeout,
        generator_url=sent.generator_url,
        sender=sender,
        updated_at=now,
    )
    if not sent.is_over_at(now):
        return after, None
    ended_at = max(sent.ends_at, alert.fired_at or alert.since)
    words = f"{sender} says that it is over since {_moment(ended_at)}."
    return after, _closed(alert, after, ended_at, _cause(CauseKind.ENDED, words))


def unheard(alert: Alert) -> Change:
    """Return the end of an alert that was not sent again in time."""
    outside = _outside_of(alert)
    ended_at = max(outside.ends_at, alert.fired_at or alert.since)
    words = (
        f"Closed at {_moment(ended_at)}: {outside.sender} last spoke of it at {_moment(outside.updated_at)}. "
        "Whether it is good is not known."
    )
    return _closed(alert, outside, ended_at, _cause(CauseKind.UNHEARD, words))


def _closed(alert: Alert, outside: Outside, ended_at: datetime, cause: Cause) -> Change:
    number = alert.transition_count + 1
    over = replace(
        alert,
        state=AlertState.RESOLVED,
        resolved_at=ended_at,
        transition_count=number,
        outside=outside,
        sentence=f"{alert.sentence} {cause.words}",
    )
    return Change(over, (Transition(number, alert.state, AlertState.RESOLVED, ended_at, cause),))


def _outside_of(alert: Alert) -> Outside:
    if alert.outside is None:
        raise AssertionError("An alert of a rule is moved by its rule alone.")
    return alert.outside


def _cause(kind: CauseKind, words: str) -> Cause:
    return Cause(kind, None, 0, 0, 0, timedelta(), words)


def _moment(at: datetime) -> str:
    return format_utc(at.replace(microsecond=0))


def _sentence(sent: Sent, name: str) -> str:
    """Return what a sender says of its alert, on one line and of a bounded length."""
    annotations = dict(sent.annotations)
    said = next((annotations[key] for key in ("summary", "message", "description") if annotations.get(key)), "")
    line = " ".join(said.split()) or f"{name or 'An alert without a name'} fires."
    line = "".join(sign if sign.isprintable() else " " for sign in line)
    return line if len(line) <= _MAX_SENTENCE else f"{line[:_MAX_SENTENCE]}…"


def _runbook_of(sent: Sent) -> str:
    link = dict(sent.annotations).get("runbook_url", "")
    is_fit = link.startswith("https://") and len(link) <= _MAX_LINK and link.isprintable() and " " not in link
    return link if is_fit else _RUNBOOK


def _pairs_problem(what: _Field, pairs: Sequence[tuple[str, str]]) -> str | None:
    if len(pairs) > _MAX_LABELS:
        return f"more than {_MAX_LABELS} {what}s"
    for name, value in pairs:
        if not 1 <= len(name) <= _MAX_NAME or not name.isprintable():
            return f"invalid {what} set: invalid name {name[:_MAX_NAME]!r}"
        if "\0" in value or (what is _Field.LABEL and len(value) > _MAX_VALUE):
            return f"invalid {what} set: invalid value of {name!r}: at most {_MAX_VALUE:,} characters, and no NUL"
    return None


def _is_plain(text: str) -> bool:
    return all(sign.isprintable() for sign in text)


def newest_of(sent: Iterable[Sent]) -> dict[Labels, Sent]:
    """Return one alert for each label set: the one that was sent last."""
    return {each.labels: each for each in sent}
