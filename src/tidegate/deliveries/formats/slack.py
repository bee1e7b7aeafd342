"""Messages of Slack's incoming webhooks, in Block Kit. Pure.

What tenants and services wrote is never markup there: it stands in `plain_text`, with the three characters escaped
that Slack reads, and with nobody called by it.
"""

import re
from typing import Any, Final

from tidegate.deliveries.formats.outgoing import Outgoing
from tidegate.deliveries.model import Notice, Secrets
from tidegate.kernel import canonical_json

__all__ = ["inert", "slack_of"]

_HEADER: Final = 150  # Slack's bounds of each text
_TEXT: Final = 3_000
_BUTTON: Final = 75
_CALLS: Final = re.compile(r"@(?=channel|here|everyone)", re.IGNORECASE)
_GLYPHS: Final = {"alert.resolved": "✓", "alert.acknowledged": "◐", "test": "○", "watchdog": "○"}
_LABELS: Final = {"alert": "Open the alert", "runbook": "Runbook"}


def slack_of(secrets: Secrets, notice: Notice) -> Outgoing:
    """Return the request; the address is the secret."""
    title = f"{_GLYPHS.get(notice.event, '●')} {notice.severity} {notice.title}"
    blocks: list[dict[str, Any]] = [{"type": "header", "text": _plain(title, _HEADER)}]
    words = "\n".join(notice.lines)
    if words:
        blocks.append({"type": "section", "text": _plain(words, _TEXT)})
    buttons = [
        {"type": "button", "text": _plain(_LABELS.get(name, name), _BUTTON), "url": url}
        for name, url in list(notice.links.items())[:5]
    ]
    if buttons:
        blocks.append({"type": "actions", "elements": buttons})
    blocks.append({"type": "context", "elements": [_plain(f"tidegate · {notice.event} · {notice.id}", _HEADER)]})
    message: dict[str, Any] = {
        "text": inert(title, _TEXT),
        "blocks": blocks,
        "mrkdwn": False,
        "parse": "none",
        "link_names": False,
        "unfurl_links": False,
        "unfurl_media": False,
    }
    return Outgoing(secrets.current, canonical_json(message), {"content-type": "application/json"})


def inert(text: str, most: int) -> str:
    """Return `text` so that Slack shows it as it is: no markup, no link, nobody called; at most `most` characters."""
    quiet = _CALLS.sub("@\N{WORD JOINER}", text)
    out, length = [], 0
    for character in quiet:
        escaped = _ESCAPES.get(character, character)
        if length + len(escaped) > most - 1:  # cut between characters, never within an escape
            out.append("…")
            break
        out.append(escaped)
        length += len(escaped)
    return "".join(out)


_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}


def _plain(text: str, most: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": inert(text, most) or "-", "emoji": False}
