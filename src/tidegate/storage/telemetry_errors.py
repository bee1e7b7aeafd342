"""What the telemetry engine's refusals mean to us, by its codes and its words, and which pass."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from typing import ClassVar, TypeVar

from clickhouse_connect.driver.exceptions import ClickHouseError, OperationalError, StreamFailureError

from tidegate.kernel import ForbiddenError, InvalidInputError, TidegateError, UnavailableError

__all__ = [
    "BadTelemetryRowsError",
    "TelemetryAccessError",
    "TelemetryQueryError",
    "repeated",
    "translated",
]

Result = TypeVar("Result")
RETRY_AFTER_S = 1.0
# MEMORY_LIMIT_EXCEEDED, NOT_ENOUGH_SPACE, ABORTED, TOO_MANY_SIMULTANEOUS_QUERIES, QUERY_WAS_CANCELLED
_PASSING_CODES = frozenset({241, 243, 236, 202, 394})
_SHORT_WORDS = {
    241: "The telemetry engine is short of memory for the moment.",
    243: "The telemetry engine has no room left on its disk.",
}
_PASSING_STATUS = re.compile(r"HTTP status (?:429|502|503|504)\b")
_TIMED_OUT_CODES = frozenset({159, 160})
_REFUSED_CODES = frozenset({164, 395, 497, 516})  # 395: throwIf, by which a server refuses a foreign row
# Cannot parse …, incorrect data, unknown field, unexpected end: as the engine's readers of rows say it.
_BAD_ROWS_CODES = frozenset(
    {6, 25, 26, 27, 32, 33, 38, 41, 53, 69, 70, 72, 117, 130, 131, 321, 349, 441, 675, 676, 677}
)
# What a person needs of the engine's words, without its files, its place in the pipeline and its version.
_ENGINE_WORDS = re.compile(
    r"DB::Exception: (.*?)(?:: \(in file|: While executing|: while executing|\. Note|\. In scope| \(version|$)",
    re.DOTALL,
)


class TelemetryQueryError(TidegateError):
    """The engine does not understand a statement of ours: a mistake in the program, never the caller's."""

    code: ClassVar[str] = "telemetry_query"


class BadTelemetryRowsError(InvalidInputError):
    """The rows of an insert cannot be read as the table's columns; repeating them is of no use."""

    code: ClassVar[str] = "bad_telemetry_rows"


class TelemetryAccessError(ForbiddenError):
    """The engine refuses a statement or a row that its claim does not cover: a mistake in the program."""

    code: ClassVar[str] = "telemetry_access"


def translated(error: Exception, *, writes: bool = False) -> TidegateError:
    """Return what happened in our words; what may pass by itself is `UnavailableError`."""
    code = getattr(error, "code", None)
    if code in _SHORT_WORDS:
        return UnavailableError(_SHORT_WORDS[code], retry_after_s=RETRY_AFTER_S)
    if isinstance(error, OSError) or code in _PASSING_CODES or (code is None and _is_transport(error)):
        return UnavailableError("The telemetry engine does not answer at the moment.", retry_after_s=RETRY_AFTER_S)
    if code in _TIMED_OUT_CODES:
        return UnavailableError("The telemetry engine took too long.", retry_after_s=RETRY_AFTER_S)
    found = _ENGINE_WORDS.search(str(error))
    words = found[1] if found else str(error)
    if code in _REFUSED_CODES:
        return TelemetryAccessError(f"The telemetry engine refused a statement: {words}")
    if writes and code in _BAD_ROWS_CODES:
        return BadTelemetryRowsError(f"The telemetry engine could not read the rows: {words}")
    return TelemetryQueryError(f"The telemetry engine did not accept a statement (code {code}): {words}")


def _is_transport(error: Exception) -> bool:
    return isinstance(error, OperationalError | StreamFailureError) or _PASSING_STATUS.search(str(error)) is not None


def _is_timeout(error: Exception) -> bool:
    """Tell whether the engine ended a statement for taking too long: repeating it would take as long again."""
    return getattr(error, "code", None) in _TIMED_OUT_CODES


async def repeated(action: Callable[[], Awaitable[Result]], pauses_s: Sequence[float], *, writes: bool) -> Result:
    """Do `action`, and again after each pause while its trouble passes."""
    for pause_s in pauses_s:
        try:
            return await action()
        except (ClickHouseError, OSError) as error:
            told = translated(error, writes=writes)
            if not isinstance(told, UnavailableError) or _is_timeout(error):
                raise told from error
            await asyncio.sleep(pause_s)
    try:
        return await action()
    except (ClickHouseError, OSError) as error:
        raise translated(error, writes=writes) from error
