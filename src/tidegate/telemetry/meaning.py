"""From the attributes of one span to what it says as a part of an AI run. Pure; the spellings stand in `semconv`."""

import fnmatch
import math
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

import msgspec

from tidegate.telemetry import semconv
from tidegate.telemetry.model import MAX_COST_USD, NANO, NANO_PER_USD, RunOutcome

_STATUS_ERROR = 2  # OTLP's StatusCode
_MAX_NAME_CHARACTERS = 512
_MAX_TOKENS = 2**40  # a trillion tokens in one span is a broken sender
_MAX_NS = 2**62
_NANO_PER_MS = 1_000_000
_AUTH_ROUTE = re.compile("|".join(fnmatch.translate(pattern) for pattern in semconv.AUTH_ROUTES))


class GenAi(NamedTuple):
    """What a span says as a part of an AI run."""

    role: str = ""
    operation: str = ""
    run_outcome: str = ""
    provider: str = ""
    model: str = ""
    tool: str = ""
    agent_name: str = ""
    prompt_version: str = ""
    finish_reason: str = ""


NO_GEN_AI = GenAi()


class Usage(NamedTuple):
    """Tokens of one span."""

    input_tokens: int = 0
    """Cached and cache-written ones included."""
    output_tokens: int = 0
    cached_input_tokens: int = 0
    cache_write_tokens: int = 0
    reasoning_tokens: int = 0
    is_cache_exclusive: int = 0
    """1 when the sender left cached tokens out of the input, and they were added."""


NO_USAGE = Usage()


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


def operation_of(attributes: Mapping[str, str]) -> tuple[str, str]:
    """Return canonical operation and role of a span; both are empty for one that is no part of an AI run."""
    spelled = first_of(attributes, semconv.OPERATION)
    if not spelled and attributes.get("mcp.method.name", "").lower() == "tools/call":
        return "execute_tool", semconv.ROLE_STEP
    return semconv.OPERATIONS.get(spelled.lower(), ("", ""))


def gen_ai_of(attributes: Mapping[str, str], *, status: int) -> GenAi:
    """Return the GenAI meaning of a span, `NO_GEN_AI` for any other span."""
    operation, role = operation_of(attributes)
    if not role:
        return NO_GEN_AI
    provider = first_of(attributes, semconv.PROVIDER).lower()
    return GenAi(
        role=role,
        operation=operation,
        run_outcome=_outcome_of(attributes, status=status),
        provider=semconv.PROVIDERS.get(provider, provider),
        model=first_of(attributes, semconv.MODEL),
        tool=first_of(attributes, semconv.TOOL),
        agent_name=first_of(attributes, semconv.AGENT),
        prompt_version=first_of(attributes, semconv.PROMPT_VERSION),
        finish_reason=_finish_reason_of(first_of(attributes, semconv.FINISH_REASONS)),
    )


def usage_of(input_tokens: str, output_tokens: str, cached: str, written: str, reasoning: str) -> Usage:  # noqa: PLR0917 - five texts of one kind
    """Return the tokens of a span, as its attributes spell them."""
    whole, read, put = count_of(input_tokens), count_of(cached), count_of(written)
    is_exclusive = read + put > whole  # some providers' own figures exclude cached tokens
    return Usage(
        whole + (read + put if is_exclusive else 0),
        count_of(output_tokens),
        read,
        put,
        count_of(reasoning),
        int(is_exclusive),
    )


def http_status_of(attributes: Mapping[str, str]) -> int:
    status = count_of(first_of(attributes, semconv.HTTP_STATUS))
    return status if status < 1000 else 0


def is_blocked(attributes: Mapping[str, str]) -> bool:
    """Return whether a policy stood in the way: an error type, a finish reason or a guardrail says so."""
    if attributes.get("error.type", "").lower() in semconv.POLICY_ERRORS:
        return True
    if "content_filter" in first_of(attributes, semconv.FINISH_REASONS):
        return True
    return first_of(attributes, semconv.GUARDRAIL_VERDICT).lower() in semconv.BLOCKING_VERDICTS


def is_failed(attributes: Mapping[str, str], *, status: int) -> bool:
    return status == _STATUS_ERROR or bool(attributes.get("error.type"))


def _outcome_of(attributes: Mapping[str, str], *, status: int) -> str:
    if is_blocked(attributes):
        return RunOutcome.POLICY_BLOCKED
    error = attributes.get("error.type", "").lower()
    if error in semconv.VALIDATION_ERRORS or first_of(attributes, semconv.VALIDATION_PASSED).lower() == "false":
        return RunOutcome.VALIDATION_ERROR
    if error in semconv.CANCELLED_ERRORS:
        return RunOutcome.CANCELLED
    return RunOutcome.FAILED if is_failed(attributes, status=status) else RunOutcome.OK


def _finish_reason_of(spelled: str) -> str:
    if "content_filter" in spelled:
        return "content_filter"
    if not spelled.startswith("["):
        return spelled
    try:
        reasons = msgspec.json.decode(spelled)
    except msgspec.DecodeError:
        return spelled
    return str(reasons[0]) if reasons else ""


def cost_of(attributes: Mapping[str, str]) -> int | None:
    """Return the sender's own figure in billionths of a dollar, `None` when there is none that can be believed."""
    currency = first_of(attributes, semconv.COST_CURRENCY)
    if currency and currency.upper() != "USD":
        return None
    whole = first_of(attributes, semconv.COST)
    if whole:
        return _nano(whole)
    said = [first_of(attributes, keys) for keys in (semconv.COST_OF_INPUT, semconv.COST_OF_OUTPUT)]
    parts = [_nano(text) for text in said if text]
    known = [part for part in parts if part is not None]
    return sum(known) if parts and len(known) == len(parts) else None


def first_chunk_of(attributes: Mapping[str, str]) -> int:
    """Return the nanoseconds until the first chunk of an answer, 0 when nobody says."""
    seconds = scaled(first_of(attributes, semconv.FIRST_CHUNK_S), NANO, _MAX_NS)
    if seconds is not None:
        return max(seconds, 0)
    return max(scaled(first_of(attributes, semconv.FIRST_CHUNK_MS), _NANO_PER_MS, _MAX_NS) or 0, 0)


def _nano(text: str) -> int | None:
    try:
        usd = float(text)
    except ValueError:
        return None
    if not math.isfinite(usd) or not 0 <= usd <= MAX_COST_USD:
        return None
    return round(usd * NANO_PER_USD)


def scaled(text: str, factor: int, limit: int) -> int | None:
    """Return the number in `text` times `factor`, `None` when it is no number or beyond `limit` either way."""
    try:
        value = float(text) * factor
    except ValueError:
        return None
    return round(value) if math.isfinite(value) and abs(value) <= limit else None


def count_of(text: str) -> int:
    """Read a count; what is no count, negative or absurd is 0: never a reason to lose the span."""
    if not text:
        return 0
    try:
        value = int(text) if text.isdigit() else int(float(text))
    except (ValueError, OverflowError):
        return 0
    return value if 0 <= value <= _MAX_TOKENS else 0
