"""What a job may carry, and what may be written down about how it went. Pure."""

import json
import re
from collections.abc import Mapping
from typing import Final

from tidegate.jobs.errors import JobInvalidError, JobPayloadTooLargeError
from tidegate.jobs.model import NewJob
from tidegate.kernel import canonical_json
from tidegate.kernel.canonical import JsonValue

__all__ = ["MAX_PAYLOAD_BYTES", "json_of", "payload_of", "reason_of", "storable"]

MAX_PAYLOAD_BYTES: Final = 64 * 1024
_KIND: Final = re.compile(r"[a-z][a-z0-9_.]{2,62}")
_MAX_KEY: Final = 512  # an index entry has 2,704 bytes, a character up to four
_MAX_REASON: Final = 500
# Errors quote what they were given: tokens and signing secrets, what stands in an Authorization header, and everything
# in an address beyond its host, for the path of a Slack webhook is its secret.
_SECRETS: Final = (
    (re.compile(r"\b(?:tg|whsec|whsk|xox[a-z])[_-][\w+/=-]{8,}"), "[redacted]"),
    (re.compile(r"\b(Bearer|Basic)\s+[\w.+/=~-]+", re.IGNORECASE), r"\1 [redacted]"),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)(?:[^\s/?#@]*@)?([^\s/?#'\"]+)[/?#][^\s'\")>]+", re.IGNORECASE), r"\1\2/…"),
    (re.compile(r"\b([a-z][a-z0-9+.-]*://)[^\s/?#@]*@", re.IGNORECASE), r"\1"),
)
_CONTROLS: Final = re.compile(r"[\x00-\x1f\x7f-\x9f]+")


def payload_of(job: NewJob) -> str:
    """Return the payload as it is stored.

    Raises:
        JobInvalidError: the job is none that can be stored.
        JobPayloadTooLargeError: the payload is too large.
    """
    if _KIND.fullmatch(job.kind) is None:
        raise JobInvalidError(f"A job has a kind such as deliveries.send, not {job.kind!r}.", field="kind")
    if job.max_attempts < 1:
        raise JobInvalidError("A job has one attempt at least.", field="max_attempts")
    if job.key is not None and (not 1 <= len(job.key) <= _MAX_KEY or storable(job.key) != job.key):
        raise JobInvalidError(f"The key of a job has 1 to {_MAX_KEY} characters, without NUL.", field="key")
    if job.run_at is not None and job.run_at.tzinfo is None:
        raise JobInvalidError("The moment of a job has a time zone.", field="run_at")
    payload = json_of(job.payload)
    if (size := len(payload.encode())) > MAX_PAYLOAD_BYTES:
        raise JobPayloadTooLargeError(job.kind, size_bytes=size, limit_bytes=MAX_PAYLOAD_BYTES)
    return payload


def json_of(value: Mapping[str, JsonValue]) -> str:
    """Return JSON that PostgreSQL takes as text.

    Raises:
        JobInvalidError: `value` is no JSON.
    """
    try:
        return canonical_json(value).decode()
    except UnicodeEncodeError:  # half a character of UTF-16, which somebody sent: escaped, it is kept as it came
        return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)
    except (ValueError, TypeError, RecursionError) as error:
        raise JobInvalidError(f"A job carries JSON: {error}.", field="payload") from error


def storable(text: str) -> str:
    """Return `text` without what PostgreSQL cannot hold."""
    return text.replace("\0", "\N{REPLACEMENT CHARACTER}").encode(errors="replace").decode()


def reason_of(error: BaseException) -> str:
    """Return an error as one line that may be shown to people: bounded, without control characters and secrets."""
    text = _CONTROLS.sub(" ", storable(str(error)[: 8 * _MAX_REASON])).strip()
    for pattern, shown in _SECRETS:
        text = pattern.sub(shown, text)
    named = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return named if len(named) <= _MAX_REASON else f"{named[: _MAX_REASON - 1]}…"
