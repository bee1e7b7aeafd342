"""Whether a text holds a secret or personal data, by a search that takes a microsecond a kilobyte.

Python's own expressions take ten times as long; this search only says where a closer look is worth it. It finds all
that they find, and more: in the bytes of a message a text stands between a tag, its length and the next tag. A length
of 51 is the digit 3, the tag of attributes the letter J: to an expression, no word begins or ends there.

All that comes is searched for secrets, and little else costs as much: Hyperscan takes a fifth of the time of RE2.
"""

import threading
from typing import Final

import hyperscan
import re2

from tidegate.telemetry.content import PERSONAL, SECRETS, any_of

__all__ = ["has_personal_data", "has_secrets"]

# A tag of texts (10: values and keys; 18: names of events, messages; 26: trace states; 42: names of spans), then a byte
# or two of length: longer spans are looked at anyway.
_BEGIN: Final = r"(?:\b|[\n\x12\x1a*][\x00-\xff]{1,2})"


def _in_messages(pattern: str) -> str:
    """Return `pattern` so that it finds what stands in the bytes of a message."""
    pattern = pattern.removesuffix(r"\b")
    return (
        _BEGIN + pattern.removeprefix(r"\b")
        if pattern.startswith(r"\b")
        else pattern.replace(r"(?i:\b", f"(?i:{_BEGIN}")
    )


class _Search:
    """Finds whether one of `patterns` is somewhere in bytes."""

    def __init__(self, patterns: list[bytes]) -> None:
        self._database = hyperscan.Database()
        flags = hyperscan.HS_FLAG_SINGLEMATCH | hyperscan.HS_FLAG_ALLOWEMPTY
        self._database.compile(
            expressions=patterns, ids=list(range(len(patterns))), elements=len(patterns), flags=flags
        )
        self._of_thread = threading.local()  # what a search works with; it runs without the interpreter's lock

    def __call__(self, raw: bytes) -> bool:
        scratch = getattr(self._of_thread, "scratch", None)
        if scratch is None:
            scratch = self._of_thread.scratch = hyperscan.Scratch(self._database)
        try:
            self._database.scan(raw, match_event_handler=_stop, scratch=scratch)
        except hyperscan.ScanTerminated:
            return True
        return False


def _stop(*_: object) -> bool:
    return True


_PERSONAL: Final = re2.compile(any_of(map(_in_messages, PERSONAL)).encode())
has_secrets: Final = _Search([_in_messages(pattern).encode() for pattern in SECRETS])


def has_personal_data(raw: bytes) -> bool:
    return _PERSONAL.search(raw) is not None
