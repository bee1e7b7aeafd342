"""What is asked of stored log records, and what is found. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import ClassVar, Final

from tidegate.kernel import InvalidInputError, TimeRange, decode_cursor, encode_cursor
from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.model import NANO

DEFAULT_WINDOW: Final = timedelta(hours=1)
MAX_WINDOW: Final = timedelta(days=31)  # longer than raw rows are kept by default, by far
MAX_WORDS: Final = 8
_MAX_TEXT: Final = 512
_LAST_NS: Final = 2**63 - 1


class Severity(IntEnum):
    """The least of OTLP's numbers that a level has."""

    TRACE = 1
    DEBUG = 5
    INFO = 9
    WARN = 13
    ERROR = 17
    FATAL = 21

    @classmethod
    def of(cls, number: int) -> "Severity | None":
        """Return the level of a number, `None` when the record does not say."""
        return max((level for level in cls if level <= number), default=None)


class SeverityUnknownError(InvalidInputError):
    code: ClassVar[str] = "severity_unknown"

    def __init__(self, given: str) -> None:
        words = ", ".join(level.name.lower() for level in Severity)
        super().__init__(f"There is no severity {given[:64]!r}. There are {words}.", field="severity")


@dataclass(frozen=True, slots=True)
class Position:
    """Where a page ended: the newest come first, so the next ones lie before it."""

    at_ns: int
    log_id: str
    is_distrusted: bool = False
    """Found by when it came, not by its own time."""

    def written(self) -> str:
        return encode_cursor(f"{self.at_ns}:{self.log_id}")

    @classmethod
    def read(cls, cursor: str) -> "Position":
        """Return the position in `cursor`.

        Raises:
            InvalidInputError: it is not one of ours.
        """
        at, colon, log_id = decode_cursor(cursor).partition(":")
        if not (colon and at.isdigit() and len(at) < 20 and int(at) <= _LAST_NS):
            raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
        return cls(int(at), log_id)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogQuery:
    """Which records are wanted; what is empty filters nothing."""

    window: TimeRange
    words: tuple[str, ...] = ()
    """Each stands somewhere in the record, in any case."""
    severity: Severity | None = None
    """At least this one."""
    service: str = ""
    tenant: str = ""
    trace_id: str = ""
    event: str = ""
    """The name of an event, or what it begins with: `job.*`."""
    after: Position | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogLine:
    """One record as people read it."""

    log_id: str
    at: datetime
    """Its own time; of a distrusted record when it came."""
    at_ns: int
    """The same to the nanosecond, for the order."""
    received_at: datetime
    severity: int
    severity_text: str
    event_name: str
    body: str
    service: str
    environment: str
    release: str
    tenant: str
    trace_id: str
    span_id: str
    request_id: str
    correlation_id: str
    scope: str
    attributes: Mapping[str, str]
    resource: Mapping[str, str]
    families: tuple[str, ...]
    """What it counts as."""
    is_distrusted: bool
    is_replayed: bool

    @property
    def position(self) -> Position:
        return Position(self.at_ns, self.log_id)


def words_of(text: str) -> tuple[str, ...]:
    """Return the words to look for.

    Raises:
        InvalidInputError: there are too many of them.
    """
    words = tuple(dict.fromkeys(text.lower().split()))
    if len(words) > MAX_WORDS or len(text) > _MAX_TEXT:
        raise InvalidInputError(f"Search for at most {MAX_WORDS} words of {_MAX_TEXT} characters together.", field="q")
    return words


def severity_of(text: str) -> Severity | None:
    """Return the level called `text`, `None` for an empty one.

    Raises:
        SeverityUnknownError: there is none of that name.
    """
    if not text:
        return None
    name = {"WARNING": "WARN", "INFORMATION": "INFO", "CRITICAL": "FATAL"}.get(text.upper(), text.upper())
    if name not in Severity.__members__:
        raise SeverityUnknownError(text)
    return Severity[name]


def families_of(bits: int) -> tuple[str, ...]:
    return tuple(name for name, bit in FAMILY_BITS.items() if bits & bit)


def moment_of(nanoseconds: int) -> datetime:
    """Return a moment; times that no calendar has, at its edge."""
    seconds, rest = divmod(nanoseconds, NANO)
    return datetime.fromtimestamp(seconds, UTC) + timedelta(microseconds=rest // 1_000)
