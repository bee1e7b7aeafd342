"""What is told to people and machines outside, by which channel, and how that went. Pure."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NewType, TypeAlias

from tidegate.kernel import canonical_json

JSON: TypeAlias = Any
"""What JSON can say."""

ChannelId = NewType("ChannelId", str)
NoticeId = NewType("NoticeId", str)

MAX_NOTICE_BYTES: Final = 48 * 1024
"""Of a notice as canonical JSON: what a receiver gets stays below 64 KB with what a format puts around it."""
MAX_CHANNELS: Final = 100
"""Of a workspace."""
MAX_OVERLAP: Final = timedelta(days=7)
EXCERPT_CHARACTERS: Final = 256
_NAME: Final = re.compile(r"[a-z0-9-]{1,63}")
_TITLE_CHARACTERS: Final = 500
_LINE_CHARACTERS: Final = 2_000
_LINES: Final = 40
_KEY_CHARACTERS: Final = 1_000
# Control characters, ends of lines and what turns the direction of text: no title poses as a header or as another.
_DECEPTIVE: Final = dict.fromkeys(
    (*range(32), *range(127, 160), 0x61C, 0x200E, 0x200F, *range(0x2028, 0x202F), *range(0x2066, 0x206A)), " "
) | dict.fromkeys(range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}")


class ChannelKind(StrEnum):
    """How a channel speaks."""

    WEBHOOK = "webhook"
    SLACK = "slack"
    EMAIL = "email"
    PAGERDUTY = "pagerduty"


class Security(StrEnum):
    """How the connection to a mail server is kept."""

    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"
    """Only to where the operator allows it."""


@dataclass(frozen=True, slots=True)
class WebhookSettings:
    url: str


@dataclass(frozen=True, slots=True)
class SlackSettings:
    host: str
    """Of the incoming webhook; its address is the secret of the channel."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where mail is handed in."""

    host: str
    port: int
    security: Security = Security.STARTTLS
    user: str = ""
    """Empty: without signing in."""


@dataclass(frozen=True, slots=True)
class EmailSettings:
    to: tuple[str, ...]
    sender: str = ""
    """Empty: that of the installation."""
    server: MailServer | None = None
    """`None`: that of the installation."""


@dataclass(frozen=True, slots=True)
class PagerDutySettings:
    url: str
    """Where events go to; the routing key is the secret of the channel."""


Settings = WebhookSettings | SlackSettings | EmailSettings | PagerDutySettings
KINDS: Final[Mapping[type[Any], ChannelKind]] = {
    WebhookSettings: ChannelKind.WEBHOOK,
    SlackSettings: ChannelKind.SLACK,
    EmailSettings: ChannelKind.EMAIL,
    PagerDutySettings: ChannelKind.PAGERDUTY,
}


@dataclass(frozen=True, slots=True)
class Channel:
    """One way out of a workspace, by its name."""

    id: ChannelId
    name: str
    settings: Settings
    created_at: datetime
    created_by: str
    changed_at: datetime
    secret: bytes | None = field(default=None, repr=False)
    """Sealed; `None` where there is none."""
    secret_hint: str = ""
    """What may be shown of it."""
    previous_secret: bytes | None = field(default=None, repr=False)
    previous_until: datetime | None = None
    """Until then a webhook is signed with both."""
    disabled_at: datetime | None = None
    disabled_why: str = ""

    @property
    def kind(self) -> ChannelKind:
        return KINDS[type(self.settings)]

    @property
    def is_enabled(self) -> bool:
        return self.disabled_at is None

    def with_settings(self, settings: Settings) -> "Channel":
        return replace(self, settings=settings)


@dataclass(frozen=True, slots=True)
class Secrets:
    """The opened secrets of a channel: the current one first."""

    live: tuple[str, ...] = field(default=(), repr=False)

    @property
    def current(self) -> str:
        return self.live[0] if self.live else ""


@dataclass(frozen=True, slots=True)
class Notice:
    """What is to be told, on one channel."""

    id: str
    """Stable: the id of the webhook, and what retries are known by (`msg_…`)."""
    channel: ChannelId
    event: str
    """`alert.firing`, `alert.resolved`, `alert.acknowledged`, `alert.escalated`, `test` or `watchdog`."""
    severity: str
    """`P1` or `P2`."""
    title: str
    """One line."""
    lines: tuple[str, ...] = ()
    """Sentences."""
    links: Mapping[str, str] = field(default_factory=dict)
    """Addresses by what they lead to: `alert`, `runbook`."""
    dedup_key: str = ""
    """What belongs together: one incident with PagerDuty, one thread of mail."""
    data: Mapping[str, JSON] = field(default_factory=dict)
    """The body of a webhook: the shape of Alertmanager's, version 4, and `tidegate`."""


class DeliveryState(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    DELIVERED = "delivered"
    DEAD = "dead"


@dataclass(frozen=True, slots=True)
class Delivery:
    """One notice and how far it came."""

    notice: Notice
    channel_name: str
    """As it was when the notice was made."""
    kind: str
    state: DeliveryState
    job: str
    created_at: datetime
    attempt_count: int = 0
    last_status: int | None = None
    last_reason: str = ""
    next_attempt_at: datetime | None = None
    finished_at: datetime | None = None
    seq: int = 0


class Outcome(StrEnum):
    """How an attempt ended."""

    DELIVERED = "delivered"
    RETRY = "retry"
    DEAD = "dead"
    GONE = "gone"
    """The receiver says that it is no more: nothing is sent there again until somebody says so."""


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a receiver made of a notice."""

    outcome: Outcome
    reason: str
    """One sentence."""
    status: int | None = None
    """Of the answer; `None` when there was none."""
    after: timedelta | None = None
    """When to try again, where the receiver says so."""
    excerpt: str = ""
    """The beginning of the answer."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try, as it is kept."""

    number: int
    started_at: datetime
    duration_ms: int
    receipt: Receipt


def is_name(text: str) -> bool:
    return _NAME.fullmatch(text) is not None


def one_line(text: str, most: int = _TITLE_CHARACTERS) -> str:
    """Return `text` as one line that poses as nothing else."""
    clean = " ".join(text.translate(_DECEPTIVE).split())
    return clean if len(clean) <= most else f"{clean[: most - 1]}…"


def fitted(notice: Notice) -> Notice:
    """Return the notice as it can be kept and sent: a page is cut, never refused.

    Of the alerts in `data` as many stay as fit; `truncatedAlerts` counts the others, as Alertmanager does.
    """
    links = {one_line(name, 40): url for name, url in notice.links.items() if is_link(url)}
    plain = replace(
        notice,
        title=one_line(notice.title) or notice.event,
        lines=tuple(one_line(line, _LINE_CHARACTERS) for line in notice.lines[:_LINES]),
        links=dict(sorted(links.items())[:10]),
        dedup_key=one_line(notice.dedup_key, _KEY_CHARACTERS),
        data=_plain_of(notice.data),
    )
    if size_of(plain) <= MAX_NOTICE_BYTES:
        return plain
    alerts = plain.data.get("alerts")
    kept = list(alerts) if isinstance(alerts, list) else []
    count, cut = len(kept), int(plain.data.get("truncatedAlerts") or 0)
    while kept:
        kept = kept[: len(kept) // 2]
        smaller = replace(plain, data={**plain.data, "alerts": kept, "truncatedAlerts": cut + count - len(kept)})
        if size_of(smaller) <= MAX_NOTICE_BYTES:
            return smaller
    bare = {key: plain.data[key] for key in ("version", "status") if isinstance(plain.data.get(key), str)}
    bare = {key: text[:200] for key, text in bare.items()}
    bared = replace(plain, data={**bare, "alerts": [], "truncatedAlerts": cut + count})
    return bared if size_of(bared) <= MAX_NOTICE_BYTES else replace(bared, lines=bared.lines[:4])


def size_of(notice: Notice) -> int:
    """Return how many bytes the notice has as it is kept."""
    return len(canonical_json(notice_json(notice)))


def notice_json(notice: Notice) -> dict[str, JSON]:
    return {
        "id": notice.id,
        "channel": notice.channel,
        "event": notice.event,
        "severity": notice.severity,
        "title": notice.title,
        "lines": list(notice.lines),
        "links": dict(notice.links),
        "dedupKey": notice.dedup_key,
        "data": dict(notice.data),
    }


def notice_of(value: Mapping[str, JSON]) -> Notice:
    return Notice(
        id=value["id"],
        channel=ChannelId(value["channel"]),
        event=value["event"],
        severity=value["severity"],
        title=value["title"],
        lines=tuple(value["lines"]),
        links=value["links"],
        dedup_key=value["dedupKey"],
        data=value["data"],
    )


def is_link(url: str) -> bool:
    """Return whether somebody may be led there by a link: an address over HTTP in plain characters."""
    return len(url) <= 2_000 and re.fullmatch(r"https?://[^\s\"'<>|\\^`{}\x00-\x20\x7f-\uffff]+", url) is not None


def _plain_of(value: Mapping[str, JSON]) -> dict[str, JSON]:
    """Return `value` without what PostgreSQL and JSON do not take: NUL, halves of characters, infinite numbers."""
    plain = _plain(value)
    return plain if isinstance(plain, dict) else {}


def _plain(value: JSON, depth: int = 0) -> JSON:
    if isinstance(value, str):
        return value.translate(_UNSTORABLE)
    if isinstance(value, Mapping) and depth < 12:
        return {str(key).translate(_UNSTORABLE): _plain(each, depth + 1) for key, each in value.items()}
    if isinstance(value, list | tuple) and depth < 12:
        return [_plain(each, depth + 1) for each in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if value is None or isinstance(value, bool | int | float):
        return value
    return str(value).translate(_UNSTORABLE)


_UNSTORABLE: Final = {0: "\N{REPLACEMENT CHARACTER}"} | dict.fromkeys(
    range(0xD800, 0xE000), "\N{REPLACEMENT CHARACTER}"
)
