"""What everything names: typed ids, the clock, error families, time ranges, paging, canonical digests."""

from tidegate.kernel.canonical import canonical_json, digest_of
from tidegate.kernel.clock import Clock, SystemClock
from tidegate.kernel.errors import (
    ConflictError,
    ForbiddenError,
    InvalidInputError,
    MalformedError,
    NotFoundError,
    TidegateError,
    TooLargeError,
    TooManyRequestsError,
    UnauthenticatedError,
    UnavailableError,
    UnsupportedMediaError,
)
from tidegate.kernel.ids import (
    AlertId,
    DecisionId,
    GateId,
    IdFactory,
    RandomIds,
    ReleaseId,
    TokenId,
    WorkspaceId,
)
from tidegate.kernel.keyring import Keyring
from tidegate.kernel.paging import (
    DEFAULT_LIMIT,
    MAX_LIMIT,
    Cursor,
    CursorBinding,
    Page,
    bind_cursors,
    decode_cursor,
    encode_cursor,
)
from tidegate.kernel.remembered import Remembered
from tidegate.kernel.times import TimeRange, format_duration, format_utc, parse_duration, parse_utc

__all__ = [
    "DEFAULT_LIMIT",
    "MAX_LIMIT",
    "AlertId",
    "Clock",
    "ConflictError",
    "Cursor",
    "CursorBinding",
    "DecisionId",
    "ForbiddenError",
    "GateId",
    "IdFactory",
    "InvalidInputError",
    "Keyring",
    "MalformedError",
    "NotFoundError",
    "Page",
    "RandomIds",
    "ReleaseId",
    "Remembered",
    "SystemClock",
    "TidegateError",
    "TimeRange",
    "TokenId",
    "TooLargeError",
    "TooManyRequestsError",
    "UnauthenticatedError",
    "UnavailableError",
    "UnsupportedMediaError",
    "WorkspaceId",
    "bind_cursors",
    "canonical_json",
    "decode_cursor",
    "digest_of",
    "encode_cursor",
    "format_duration",
    "format_utc",
    "parse_duration",
    "parse_utc",
]
