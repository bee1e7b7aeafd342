"""Mail: plain text, one thread for what belongs together. Pure."""

import hashlib
import re
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Final

from tidegate.deliveries.model import Notice, one_line

__all__ = ["is_address", "mail_of"]

_MAX_ADDRESS: Final = 254  # RFC 5321, section 4.5.3.1
_ADDRESS: Final = re.compile(
    r"(?!\.)(?:\.?[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]){1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]{0,62})(?:\.[A-Za-z0-9][A-Za-z0-9-]{0,62})*"
)
_SUBJECT: Final = 200


def is_address(text: str) -> bool:
    """Return whether `text` is one bare address in ASCII, with nothing in it that could end a header."""
    return len(text) <= _MAX_ADDRESS and _ADDRESS.fullmatch(text) is not None


def mail_of(notice: Notice, *, sender: str, to: tuple[str, ...], now: datetime) -> bytes:
    """Return the message as it is handed in; its id is that of the notice, whatever attempt it is."""
    local, _, domain = sender.rpartition("@")
    thread = hashlib.sha256((notice.dedup_key or notice.id).encode()).hexdigest()[:32]
    message = EmailMessage(policy=SMTP)
    message["Subject"] = one_line(f"[{notice.severity}] {_WORDS.get(notice.event, '')}{notice.title}", _SUBJECT)
    message["From"] = Address("tidegate", local, domain)
    message["To"] = ", ".join(to)
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{notice.id}@{domain}>"
    # The root of a thread is a message that nobody sent: programs for mail put its answers together all the same.
    message["In-Reply-To"] = f"<{thread}.thread@{domain}>"
    message["References"] = f"<{thread}.thread@{domain}>"
    message["Auto-Submitted"] = "auto-generated"
    links = [f"{name.capitalize()}: {url}" for name, url in notice.links.items()]
    parts = [notice.title, *notice.lines, *links, f"-- \ntidegate, {notice.event}, {notice.id}"]
    message.set_content("\n\n".join(parts) + "\n", cte="base64")
    return message.as_bytes()


_WORDS: Final = {
    "alert.resolved": "Resolved: ",
    "alert.acknowledged": "Acknowledged: ",
    "alert.escalated": "Escalated: ",
}
