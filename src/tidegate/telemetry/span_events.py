"""Which events a span is: a request, a sign-in, a tool call, a job …, and what it says as one. Pure."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

import msgspec

from tidegate.telemetry import semconv
from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.meaning import (
    count_of,
    first_of,
    http_status_of,
    is_auth_route,
    is_blocked,
    is_failed,
    operation_of,
    scaled,
)

_SERVER, _CLIENT, _PRODUCER, _CONSUMER = 2, 3, 4, 5  # OTLP's SpanKind
_MICRO: Final = 1_000_000
_MAX_MICRO: Final = 2**53
_MAX_NS: Final = 2**62
_NANO_PER_MS: Final = 1_000_000
_MAX_ATTEMPT: Final = 2**32 - 1
_TENANT_ROUTE: Final = re.compile(r"\{(?:workspace|tenant)[_-]?id\}", re.IGNORECASE)
_TOOL_OUTCOMES: Final = frozenset({"ok", "failed", "timeout", "denied"})
_RETRIEVAL_OUTCOMES: Final = frozenset({"ok", "failed", "empty"})
_JOB_OUTCOMES: Final = frozenset({"done", "retry", "dead_letter", "failed", "sent"})
_DELIVERY_OUTCOMES: Final = frozenset({"ok", "failed", "dead_letter"})
_EVALUATION_OUTCOMES: Final = frozenset({"ok", "failed"})


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanEvent:
    """The event columns of a span that its attributes decide."""

    families: int = 0
    route: str = ""
    http_method: str = ""
    http_status: int = 0
    auth_method: str = ""
    denial_class: str = ""
    principal_tenant: str = ""
    target_tenant: str = ""
    is_granted: int = 0
    lifecycle_action: str = ""
    lifecycle_outcome: str = ""
    object: str = ""
    detail: str = ""
    outcome: str = ""
    attempt: int = 0
    wait_ns: int = 0
    amount_micro: int | None = None


def event_of(attributes: Mapping[str, str], *, kind: int, status: int, has_tenant: bool) -> SpanEvent:
    """Return what a span of `kind` with `attributes` is; `has_tenant`: it names one, itself or by its resource."""
    if kind == _SERVER:
        method = first_of(attributes, semconv.HTTP_METHOD)
        if method:
            return _request(attributes, method, has_tenant=has_tenant)
    failed = is_failed(attributes, status=status)
    reader = _STEPS.get(operation_of(attributes)[0])
    if reader is not None:
        return reader(attributes, failed=failed)
    if kind in {_PRODUCER, _CONSUMER} and (
        first_of(attributes, semconv.MESSAGING_SYSTEM) or first_of(attributes, semconv.QUEUE)
    ):
        return _job(attributes, kind=kind, failed=failed)
    if kind == _CLIENT and first_of(attributes, semconv.CONNECTOR):
        return _delivery(attributes, failed=failed)
    if first_of(attributes, semconv.EVALUATION):
        return _evaluation(attributes, failed=failed)
    return SpanEvent(route=first_of(attributes, semconv.ROUTE))


def _request(attributes: Mapping[str, str], method: str, *, has_tenant: bool) -> SpanEvent:
    route = first_of(attributes, semconv.ROUTE)
    status = http_status_of(attributes)
    principal = first_of(attributes, semconv.PRINCIPAL_TENANT)
    target = first_of(attributes, semconv.TARGET_TENANT)
    denial = first_of(attributes, semconv.DENIAL_CLASS).lower().replace("-", "_")
    action = first_of(attributes, semconv.LIFECYCLE_ACTION)
    spelled = first_of(attributes, semconv.LIFECYCLE_OUTCOME).lower()
    lifecycle_outcome = semconv.LIFECYCLE_OUTCOMES.get(spelled, spelled)
    granted = first_of(attributes, semconv.GRANT).lower() not in semconv.NO_WORDS
    is_auth = is_auth_route(route or first_of(attributes, semconv.URL_PATH))
    is_tenant = bool(has_tenant or principal or target or denial or action or _TENANT_ROUTE.search(route))
    leaks = bool(principal and target and principal != target and not granted and 200 <= status < 300)
    method_of_auth = first_of(attributes, semconv.AUTH_METHOD)
    return SpanEvent(
        families=FAMILY_BITS["request"] + FAMILY_BITS["auth"] * is_auth + FAMILY_BITS["tenant"] * is_tenant,
        route=route,
        http_method=method,
        http_status=status,
        auth_method=method_of_auth,
        denial_class=denial,
        principal_tenant=principal,
        target_tenant=target,
        is_granted=int(granted),
        lifecycle_action=action,
        lifecycle_outcome=lifecycle_outcome,
        object=action if is_tenant else method_of_auth if is_auth else "",
        detail=(denial or ("leak" if leaks else "")) if is_tenant else "",
        outcome=lifecycle_outcome if is_tenant else "",
    )


def _tool_call(attributes: Mapping[str, str], *, failed: bool) -> SpanEvent:
    error = attributes.get("error.type", "").lower()
    outcome = "failed" if failed else "ok"
    if error in semconv.TIMEOUT_ERRORS:
        outcome = "timeout"
    elif is_blocked(attributes) or error in semconv.DENIED_ERRORS:
        outcome = "denied"
    return SpanEvent(
        families=FAMILY_BITS["tool_call"],
        object=first_of(attributes, semconv.TOOL),
        outcome=_told(attributes, _TOOL_OUTCOMES, outcome),
        attempt=_attempt_of(attributes),
    )


def _retrieval(attributes: Mapping[str, str], *, failed: bool) -> SpanEvent:
    documents = _document_count_of(attributes)
    outcome = "failed" if failed else "empty" if documents == 0 else "ok"
    return SpanEvent(
        families=FAMILY_BITS["retrieval"],
        object=first_of(attributes, semconv.DATA_SOURCE),
        outcome=_told(attributes, _RETRIEVAL_OUTCOMES, outcome),
        amount_micro=None if documents is None else min(documents * _MICRO, _MAX_MICRO),
    )


def _job(attributes: Mapping[str, str], *, kind: int, failed: bool) -> SpanEvent:
    outcome = "failed" if failed else "sent" if kind == _PRODUCER else "done"
    wait_ns = scaled(first_of(attributes, semconv.WAIT_MS), _NANO_PER_MS, _MAX_NS) or 0
    return SpanEvent(
        families=FAMILY_BITS["ingestion"],
        object=first_of(attributes, semconv.QUEUE),
        detail=first_of(attributes, semconv.STAGE),
        outcome=_told(attributes, _JOB_OUTCOMES, outcome),
        attempt=_attempt_of(attributes),
        wait_ns=max(wait_ns, 0),
    )


def _delivery(attributes: Mapping[str, str], *, failed: bool) -> SpanEvent:
    signature = first_of(attributes, semconv.SIGNATURE).lower()
    detail = signature if signature in semconv.SIGNATURES else ""
    if first_of(attributes, semconv.DUPLICATE_EFFECT).lower() not in semconv.NO_WORDS:
        detail = "duplicate"
    return SpanEvent(
        families=FAMILY_BITS["delivery"],
        object=first_of(attributes, semconv.ENDPOINT) or first_of(attributes, semconv.CONNECTOR),
        detail=detail,
        outcome=_told(attributes, _DELIVERY_OUTCOMES, "failed" if failed else "ok"),
        attempt=_attempt_of(attributes),
    )


def _evaluation(attributes: Mapping[str, str], *, failed: bool) -> SpanEvent:
    label = first_of(attributes, semconv.LABEL)
    score = scaled(first_of(attributes, semconv.SCORE), _MICRO, _MAX_MICRO)
    if score is None and not label:
        return SpanEvent()
    return SpanEvent(
        families=FAMILY_BITS["evaluation"],
        object=first_of(attributes, semconv.EVALUATION),
        detail=label,
        outcome=_told(attributes, _EVALUATION_OUTCOMES, "failed" if failed else "ok"),
        amount_micro=score,
    )


_STEPS: Final[Mapping[str, Callable[..., SpanEvent]]] = {
    "execute_tool": _tool_call,
    "retrieval": _retrieval,
    "rerank": _retrieval,
}


def _told(attributes: Mapping[str, str], known: frozenset[str], derived: str) -> str:
    """Return what the sender says itself, where it is a word of the family; else what was derived."""
    told = first_of(attributes, semconv.OUTCOME).lower()
    return told if told in known else derived


def _attempt_of(attributes: Mapping[str, str]) -> int:
    return min(count_of(first_of(attributes, semconv.ATTEMPT)), _MAX_ATTEMPT)


def _document_count_of(attributes: Mapping[str, str]) -> int | None:
    """Return how many documents were found, `None` when nothing says so."""
    told = first_of(attributes, semconv.DOCUMENT_COUNT)
    if told:
        return count_of(told)
    listed = attributes.get(semconv.DOCUMENTS[0], "")
    if listed:
        try:
            found = msgspec.json.decode(listed)
        except msgspec.DecodeError:
            return None
        return len(found) if isinstance(found, list) else None
    places = {key.rsplit(".", 3)[1] for key in attributes if semconv.is_document_key(key)}
    return len(places) or None
