"""From the attributes of one span to the columns that signals are made of. Pure; the spellings stand in `semconv`."""

import fnmatch
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from tidegate.telemetry import semconv
from tidegate.telemetry.model import MAX_COST_USD, NANO_PER_USD, RunOutcome

_STATUS_ERROR = 2  # OTLP's StatusCode
_MAX_NAME_CHARACTERS = 512
_MAX_TOKENS = 2**40  # a trillion tokens in one span is a broken sender
_AUTH_ROUTE = re.compile("|".join(fnmatch.translate(pattern) for pattern in semconv.AUTH_ROUTES))


@dataclass(frozen=True, slots=True)
class GenAi:
    """What a span says as a part of an AI run."""

    role: str
    operation: str
    outcome: str
    provider: str
    model: str
    tool: str
    input_tokens: int
    output_tokens: int
    cached_input_tokens: int
    cost_nano_usd: int | None
    """The sender's own figure in billionths of a dollar; `None` when there is none that can be believed."""


NO_GEN_AI = GenAi("", "", "", "", "", "", 0, 0, 0, None)


def first_of(attributes: Mapping[str, str], keys: Sequence[str]) -> str:
    """Return the value of the first of `keys` that is there and not empty, else an empty text.

    Cut: what signals are grouped by is read back for all tenants at once, and one sender's long names must not fill
    the answer. The attribute itself stays as it came.
    """
    for key in keys:
        value = attributes.get(key)
        if value:
            return value[:_MAX_NAME_CHARACTERS]
    return ""


@lru_cache(maxsize=4096)
def is_auth_route(route: str) -> bool:
    return _AUTH_ROUTE.match(route) is not None


def gen_ai_of(attributes: Mapping[str, str], *, status: int) -> GenAi:
    """Return the GenAI meaning of a span, `NO_GEN_AI` for any other span."""
    spelled = first_of(attributes, semconv.OPERATION)
    found = semconv.OPERATIONS.get(spelled.lower())
    if found is None and not spelled and "mcp.method.name" in attributes:
        found = ("execute_tool", semconv.ROLE_STEP) if attributes["mcp.method.name"] == "tools/call" else None
    if found is None:
        return NO_GEN_AI
    operation, role = found
    input_tokens = _count(first_of(attributes, semconv.INPUT_TOKENS))
    cached = _count(first_of(attributes, semconv.CACHED_TOKENS))
    if cached > input_tokens:  # some providers' own figures exclude cached tokens; input includes them here
        input_tokens += cached
    return GenAi(
        role=role,
        operation=operation,
        outcome=_outcome_of(attributes, status=status),
        provider=first_of(attributes, semconv.PROVIDER),
        model=first_of(attributes, semconv.MODEL),
        tool=first_of(attributes, semconv.TOOL),
        input_tokens=input_tokens,
        output_tokens=_count(first_of(attributes, semconv.OUTPUT_TOKENS)),
        cached_input_tokens=cached,
        cost_nano_usd=_cost_of(attributes),
    )


def http_status_of(attributes: Mapping[str, str]) -> int:
    status = _count(first_of(attributes, semconv.HTTP_STATUS))
    return status if status < 1000 else 0


def _outcome_of(attributes: Mapping[str, str], *, status: int) -> str:
    error = attributes.get("error.type", "").lower()
    if error in semconv.POLICY_ERRORS or "content_filter" in first_of(attributes, semconv.FINISH_REASONS):
        return RunOutcome.POLICY_BLOCKED
    verdict = first_of(attributes, semconv.GUARDRAIL_VERDICT).lower()
    if verdict in semconv.BLOCKING_VERDICTS:
        return RunOutcome.POLICY_BLOCKED
    if error in semconv.VALIDATION_ERRORS or first_of(attributes, semconv.VALIDATION_PASSED).lower() == "false":
        return RunOutcome.VALIDATION_ERROR
    if error in semconv.CANCELLED_ERRORS:
        return RunOutcome.CANCELLED
    if status == _STATUS_ERROR or error:
        return RunOutcome.FAILED
    return RunOutcome.OK


def _cost_of(attributes: Mapping[str, str]) -> int | None:
    currency = first_of(attributes, semconv.COST_CURRENCY)
    if currency and currency.upper() != "USD":
        return None
    whole = first_of(attributes, semconv.COST)
    if whole:
        return _nano(whole)
    parts = [_nano(attributes[key]) for key in semconv.COST_PARTS if attributes.get(key)]
    known = [part for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None


def _nano(text: str) -> int | None:
    try:
        usd = float(text)
    except ValueError:
        return None
    if not math.isfinite(usd) or not 0 <= usd <= MAX_COST_USD:
        return None
    return round(usd * NANO_PER_USD)


def _count(text: str) -> int:
    """Read a count; what is no count, negative or absurd is 0: never a reason to lose the span."""
    if not text:
        return 0
    try:
        value = int(text) if text.isdigit() else int(float(text))
    except (ValueError, OverflowError):
        return 0
    return value if 0 <= value <= _MAX_TOKENS else 0
