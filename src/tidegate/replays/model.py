"""What a recording is made of, and how what is sent is named. Pure: no I/O, no clock."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any, TypeAlias

NANO = 1_000_000_000

Value: TypeAlias = "str | bool | int | float | list[str]"
Attributes: TypeAlias = Mapping[str, Value]


class Signal(StrEnum):
    """What a request carries; the value is the last part of its path."""

    TRACES = "traces"
    LOGS = "logs"
    METRICS = "metrics"


class SpanKind(IntEnum):
    INTERNAL = 1
    SERVER = 2
    CLIENT = 3
    PRODUCER = 4
    CONSUMER = 5


class Severity(IntEnum):
    DEBUG = 5
    INFO = 9
    WARN = 13
    ERROR = 17
    FATAL = 21


@dataclass(frozen=True, slots=True)
class SpanEvent:
    time_ns: int
    name: str
    attributes: Attributes


@dataclass(frozen=True, slots=True)
class Span:
    trace_id: bytes
    span_id: bytes
    name: str
    start_ns: int
    end_ns: int
    attributes: Attributes
    resource: Attributes
    parent_id: bytes = b""
    kind: int = SpanKind.INTERNAL
    status: int = 0
    status_message: str = ""
    events: tuple[SpanEvent, ...] = ()


@dataclass(frozen=True, slots=True)
class Log:
    uid: str
    time_ns: int
    body: str
    attributes: Attributes
    resource: Attributes
    severity: int = 0
    severity_text: str = ""
    event_name: str = ""
    trace_id: bytes = b""
    span_id: bytes = b""


@dataclass(frozen=True, slots=True)
class Document:
    """A request as the protocol's JSON writes it, which is passed on as JSON."""

    signal: Signal
    content: dict[str, Any]
    item_count: int


Event: TypeAlias = "Span | Log | Document"


@dataclass(frozen=True, slots=True)
class Row:
    """What one line, row or element of a file became."""

    number: int
    """Counted from 1 in its file; what was acknowledged last is remembered by it."""
    time_ns: int
    """When it happened, the end of it; 0 when the file does not say."""
    events: tuple[Event, ...]


class UnreadableRowError(Exception):
    """One row cannot be read; the others can."""


class UnreadableFileError(Exception):
    """The file is not what its format says; nothing of it is sent."""


@dataclass(frozen=True, slots=True)
class Naming:
    """Ids that are the same each time the same file is sent: a digest of the file, the row, and which sending it is."""

    digest: str
    generation: str = ""
    """Empty for the recording as it is. Another word makes other ids: a recording of its own."""

    def span_id(self, *parts: object) -> bytes:
        return self._bytes("span", parts, 8)

    def trace_id(self, *parts: object) -> bytes:
        return self._bytes("trace", parts, 16)

    def uid(self, *parts: object) -> str:
        return self._bytes("log", parts, 16).hex()

    def own(self, recorded: str, *, length: int) -> bytes:
        """Return an id that the recording brings itself, as it is, or made anew when it cannot be or must not be.

        Raises:
            UnreadableRowError: it is not hexadecimal.
        """
        try:
            raw = bytes.fromhex(recorded)
        except ValueError as error:
            raise UnreadableRowError(f"the id {recorded[:40]!r} is not hexadecimal") from error
        if len(raw) == length and not self.generation:
            return raw
        return hashlib.blake2b(raw, digest_size=length, key=self.generation.encode()[:64]).digest()

    def _bytes(self, kind: str, parts: tuple[object, ...], length: int) -> bytes:
        text = "\0".join([kind, self.digest, self.generation, *map(str, parts)])
        return hashlib.blake2b(text.encode(), digest_size=length).digest()


@dataclass(frozen=True, slots=True)
class Reading:
    """How a file is to be read: what its format does not say itself."""

    naming: Naming
    start_ns: int
    """The time of the first row in a format without times."""
    shift_ns: int = 0
    service: str | None = None
    model: str | None = None
    provider: str | None = None
    year: int | None = None
    name: str = ""
    """The file's name, for formats that keep a fact in it."""

    def resource(self, service: str, **more: str) -> dict[str, Value]:
        """Return the resource of what is sent: marked as replayed, so that it never pages anybody."""
        named: dict[str, Value] = {"service.name": self.service or service, "tidegate.replayed": True}
        return named | {key: value for key, value in more.items() if value}


@dataclass(slots=True)
class Tally:
    """What came of one file."""

    rows: int = 0
    spans: int = 0
    logs: int = 0
    points: int = 0
    unreadable: int = 0
    refused: int = 0
    requests: int = 0
    first_ns: int = 0
    last_ns: int = 0
    reasons: list[str] = field(default_factory=list)

    def note(self, reason: str) -> None:
        # One sentence tells what is wrong; a million of the same kind tell no more.
        if len(self.reasons) < 5:
            self.reasons.append(reason)

    def see(self, time_ns: int) -> None:
        if time_ns:
            self.first_ns = min(self.first_ns or time_ns, time_ns)
            self.last_ns = max(self.last_ns, time_ns)
