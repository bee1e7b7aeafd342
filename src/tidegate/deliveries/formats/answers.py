"""What the answer of a receiver means. Pure."""

from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from typing import Final

from tidegate.deliveries.model import EXCERPT_CHARACTERS, ChannelKind, Outcome, Receipt, one_line
from tidegate.telemetry.content import without_personal_data, without_secrets

__all__ = ["excerpt_of", "receipt_of", "wait_of"]

_LONGEST_WAIT: Final = timedelta(hours=12)
_OFTEN_PASSING: Final = frozenset({408, 425, 429})
_HAS_RETRY_AFTER: Final = frozenset({429, 503})


def receipt_of(kind: ChannelKind, status: int, *, retry_after: str, excerpt: str, now: datetime) -> Receipt:
    """Return what `status` means to a delivery of this kind.

    Whoever runs a webhook repairs it, so it is tried again; Slack and PagerDuty mean what they say by 4xx.
    """
    if 200 <= status < 300:
        return Receipt(Outcome.DELIVERED, f"It answered {status}.", status, excerpt=excerpt)
    if status == 410 and kind is ChannelKind.WEBHOOK:
        return Receipt(Outcome.GONE, "It answered 410 Gone: the channel is disabled.", status, excerpt=excerpt)
    if 400 <= status < 500 and status not in _OFTEN_PASSING and kind is not ChannelKind.WEBHOOK:
        return Receipt(
            Outcome.DEAD, f"It answered {status}: it will not take this, however often.", status, excerpt=excerpt
        )
    after = wait_of(retry_after, now=now) if status in _HAS_RETRY_AFTER else None
    return Receipt(Outcome.RETRY, f"It answered {status}.", status, after, excerpt)


def wait_of(text: str, *, now: datetime) -> timedelta | None:
    """Return how long `Retry-After` asks to wait, a second to twelve hours; `None` when unreadable."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        seconds = float(min(int(text[:9]), 10**9))
    else:
        try:
            moment = parsedate_to_datetime(text)
        except ValueError:
            return None
        seconds = (moment.replace(tzinfo=moment.tzinfo or UTC) - now).total_seconds()
    return min(max(timedelta(seconds=seconds), timedelta(seconds=1)), _LONGEST_WAIT)


def excerpt_of(body: bytes, *, secrets: tuple[str, ...], is_cut: bool = False) -> str:
    """Return the beginning of an answer without anything secret in it; `is_cut`: the end may be half of a secret."""
    text = body.decode(errors="replace")
    for secret in secrets:
        text = text.replace(secret, "[redacted]")
    if is_cut:
        text = text[: -max(map(len, secrets), default=1)]
    return one_line(without_personal_data(without_secrets(text)), EXCERPT_CHARACTERS)
