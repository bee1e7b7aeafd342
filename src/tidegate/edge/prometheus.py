"""How Prometheus's HTTP API says things: the envelope of answers and of errors, moments and steps."""

import re
from collections.abc import Callable, Coroutine, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute

from tidegate.edge.problems import problem_of
from tidegate.edge.requests import request_id_of
from tidegate.kernel import InvalidInputError, TidegateError

__all__ = ["PROMETHEUS_PREFIX", "REFUSED", "PrometheusRoute", "answer_missing", "moment_ms", "rfc3339", "success"]

PROMETHEUS_PREFIX: Final = "/prometheus/api/v1"
_BY_STATUS: Final[Mapping[int, str]] = {
    401: "unauthorized", 403: "forbidden", 404: "not_found", 405: "bad_data", 429: "too_many_requests",
    503: "unavailable",
}  # fmt: skip
# A question that is right in itself and has no answer here. All else that cannot be what the caller meant is bad data.
_STATUS_OF: Final[Mapping[str, tuple[int, str]]] = {
    "promql_evaluation": (422, "execution"),
    "prometheus_query_too_large": (422, "execution"),
    "prometheus_query_timeout": (503, "timeout"),
}
_KEPT_HEADERS: Final = ("www-authenticate", "retry-after", "cache-control")
_EARLIEST_S, _LATEST_S = (
    -2_208_988_800,
    4_102_444_800,
)  # 1900 to 2100: more than a range of any query around what is kept
_NUMBER: Final = re.compile(r"-?[0-9]{1,12}(\.[0-9]{1,18})?([eE]\+?[0-9]{1,2})?")
_FRACTION: Final = re.compile(r"(\.[0-9]{6})[0-9]+")  # nanoseconds, which RFC 3339 allows and nobody looks at

REFUSED: Final[dict[int | str, dict[str, Any]]] = {
    "default": {
        "description": "It was not answered; `errorType` and `error` say why.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "required": ["status", "errorType", "error"],
                    "properties": {
                        "status": {"const": "error"},
                        "errorType": {"type": "string"},
                        "error": {"type": "string"},
                    },
                }
            }
        },
    }
}
"""What the OpenAPI says of errors."""


class PrometheusRoute(APIRoute):
    """Answers errors as Prometheus does."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except TidegateError as error:
                return _answer_to(error, request)
            except RequestValidationError as error:
                first = error.errors()[0]
                return _error(400, "bad_data", f'invalid parameter "{first["loc"][-1]}": {first["msg"]}')

        return answer


def success(data: object, *, warnings: Sequence[str] = ()) -> dict[str, Any]:
    """Return the envelope of an answer."""
    body = {"status": "success", "data": data}
    return body | {"warnings": list(warnings)} if warnings else body


def answer_missing(status: int, detail: str, headers: dict[str, str]) -> JSONResponse:
    """Return what no route answers, in Prometheus's shape."""
    return JSONResponse({"status": "error", "errorType": _BY_STATUS.get(status, "internal"), "error": detail}, status,
                        headers)  # fmt: skip


def _answer_to(error: TidegateError, request: Request) -> JSONResponse:
    status, headers, body = problem_of(error, request_id=request_id_of(request.scope))
    kept = {name: value for name, value in headers.items() if name in _KEPT_HEADERS}
    if error.code in _STATUS_OF:
        status, kind = _STATUS_OF[error.code]
    elif status in _BY_STATUS:
        kind = _BY_STATUS[status]
    elif status >= 500:
        kind = "internal"
    else:
        status, kind = 400, "bad_data"
    return _error(status, kind, body["detail"], kept)


def _error(status: int, kind: str, words: str, headers: Mapping[str, str] | None = None) -> JSONResponse:
    body = {"status": "error", "errorType": kind, "error": words}
    return JSONResponse(body, status, dict(headers or {"cache-control": "no-store"}))


def moment_ms(text: str, *, field: str) -> int:
    """Read a moment: Unix seconds with a fraction, or RFC 3339.

    Raises:
        InvalidInputError: it is neither, or before 1900, or after 2100.
    """
    seconds = _seconds_of(text)
    if seconds is None or not _EARLIEST_S <= seconds <= _LATEST_S:
        raise InvalidInputError(
            f'invalid parameter "{field}": cannot parse "{text[:100]}" to a valid timestamp', field=field
        )
    return round(seconds * 1000)


def _seconds_of(text: str) -> float | None:
    if _NUMBER.fullmatch(text):
        return float(text)
    try:
        moment = datetime.fromisoformat(_FRACTION.sub(r"\1", text))
        return moment.timestamp() if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def rfc3339(moment: datetime) -> str:
    """Write a moment as Prometheus does: with nanoseconds' worth of digits, of which the last ones are dropped."""
    text = moment.astimezone(UTC).isoformat()
    return text.replace("+00:00", "Z")
