"""One table from error families to doors: HTTP statuses and CLI exit codes. Bodies are RFC 9457 problem details."""

from dataclasses import dataclass
from math import ceil
from typing import Any

from tidegate.edge.authority import PROOF_GOOD_FOR_S, NotPermittedError, StepUpRequiredError
from tidegate.edge.masking import without_tokens
from tidegate.edge.quotas import QuotaExceededError
from tidegate.kernel import (
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

__all__ = ["CONTENT_TYPE", "DOORS", "DoorAnswer", "answer_for", "problem_of"]

CONTENT_TYPE = "application/problem+json"


@dataclass(frozen=True, slots=True)
class DoorAnswer:
    """What one family of errors looks like from outside."""

    status: int
    title: str
    exit_code: int


DOORS: dict[type[TidegateError], DoorAnswer] = {
    MalformedError: DoorAnswer(400, "Malformed", 2),
    InvalidInputError: DoorAnswer(422, "Invalid input", 2),
    UnauthenticatedError: DoorAnswer(401, "Not signed in", 4),
    ForbiddenError: DoorAnswer(403, "Not allowed", 4),
    NotFoundError: DoorAnswer(404, "Not found", 5),
    ConflictError: DoorAnswer(409, "Conflict", 6),
    TooLargeError: DoorAnswer(413, "Too large", 2),
    UnsupportedMediaError: DoorAnswer(415, "Unsupported media type", 2),
    TooManyRequestsError: DoorAnswer(429, "Too many requests", 7),
    UnavailableError: DoorAnswer(503, "Unavailable", 7),
}
_UNEXPECTED = DoorAnswer(500, "Internal error", 1)


def answer_for(error: TidegateError) -> DoorAnswer:
    """Return how the family of `error` is shown; the nearest family wins."""
    for family in type(error).__mro__:
        if family in DOORS:
            return DOORS[family]
    return _UNEXPECTED


def problem_of(error: TidegateError, *, request_id: str) -> tuple[int, dict[str, str], dict[str, Any]]:
    """Return status, extra headers and the problem document of `error`."""
    answer = answer_for(error)
    headers = {"content-type": CONTENT_TYPE, "cache-control": "no-store"}
    if isinstance(error, TooManyRequestsError | UnavailableError):
        headers["retry-after"] = str(max(1, ceil(error.retry_after_s)))
    if answer.status == 401:
        headers["www-authenticate"] = "Bearer"
    if isinstance(error, StepUpRequiredError):
        # RFC 9470, section 3.
        headers["www-authenticate"] += f' error="insufficient_user_authentication", max_age="{PROOF_GOOD_FOR_S}"'
    body = problem_body(answer.status, answer.title, error.code, error.message, request_id, error.field)
    if isinstance(error, NotPermittedError) and error.policy_ids:
        body["policyIds"] = list(error.policy_ids)
    if isinstance(error, QuotaExceededError):
        body["quota"] = error.quota
    return answer.status, headers, body


def problem_body(  # noqa: PLR0917 - the fields of RFC 9457 and our three
    status: int, title: str, code: str, detail: str, request_id: str, field: str | None = None
) -> dict[str, Any]:
    """Return a problem document; `field` is left out when no one field is at fault.

    What a caller sent may be repeated in it, but no token of ours that stood in the wrong place.
    """
    body: dict[str, Any] = {
        "type": f"/docs/reference/errors#{code}",
        "title": title,
        "status": status,
        "code": code,
        "detail": without_tokens(detail),
        "requestId": request_id,
    }
    if field is not None:
        body["field"] = without_tokens(field)
    return body
