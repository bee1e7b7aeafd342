"""Log records that carry the name of an event: from attributes to the columns that are counted. Pure.

An event whose outcome nobody can read is no event: it is stored and found, and counts nowhere. Guessing would page
people, or hide what should.
"""

import math
import re
from collections.abc import Callable, Mapping
from typing import Final

from tidegate.telemetry.evaluations import EVENT_NAME as EVALUATION_EVENT
from tidegate.telemetry.evaluations import evaluations_of
from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.logs import names
from tidegate.telemetry.logs.model import Event
from tidegate.telemetry.meaning import first_of, http_status_of

_MICRO: Final = 1_000_000
_NANO_PER_MS: Final = 1_000_000
_MAX_MICRO: Final = 2**53  # nine thousand million: more of anything in one event is a broken sender
_MAX_ATTEMPT: Final = 2**31
_MAX_NS: Final = 2**62
_MAX_TEXT: Final = 256
POLICY_EVENT: Final = "policy.decision"
_NOTHING: Final[Event] = {}
_LAST_WORD: Final = re.compile(r"[.\s/]")


def event_of(name: str, attributes: Mapping[str, str]) -> Event:
    """Return what the event called `name` counts as; nothing for names of others and for outcomes nobody can read."""
    family, _, rest = name.partition(".")
    if name == EVALUATION_EVENT:
        return _evaluation(attributes)
    if name == POLICY_EVENT:
        return _policy(attributes)
    read = _READERS.get(family)
    if read is None or not rest:
        return _NOTHING
    found = read(rest, attributes)
    if not found:
        return _NOTHING
    return {
        "client_address": first_of(attributes, names.CLIENT_ADDRESS),
        "attempt": _whole(first_of(attributes, names.ATTEMPT), _MAX_ATTEMPT),
        "duration_ns": _scaled(first_of(attributes, names.DURATION_MS), _NANO_PER_MS, _MAX_NS) or 0,
        **found,
    }


def is_event(name: str) -> bool:
    """Return whether events of this name may count."""
    family, _, rest = name.partition(".")
    return name in {EVALUATION_EVENT, POLICY_EVENT} or (bool(rest) and family in _READERS)


def access_of(attributes: Mapping[str, str], *, is_success: bool) -> Event:
    """Return who reached for whose data: the columns of the tenant family that a request and an event share."""
    principal = first_of(attributes, names.PRINCIPAL_TENANT)
    target = first_of(attributes, names.TARGET_TENANT)
    grant = first_of(attributes, names.GRANT)
    is_granted = bool(grant) and grant.lower() not in {"false", "0", "no", "none"}
    denial = denial_class_of(first_of(attributes, names.DENIAL_CLASS))
    is_leak = is_success and bool(principal) and bool(target) and principal != target and not is_granted
    return {
        "principal_tenant": principal,
        "target_tenant": target,
        "is_granted": int(is_granted),
        "denial_class": denial,
        "detail": denial or ("leak" if is_leak else ""),
    }


def denial_class_of(text: str) -> str:
    """Return a denial class as it is counted; one that we do not know keeps its own word."""
    word = text.strip().lower().replace("-", "_")
    return word if word in names.DENIAL_CLASSES else word[:64]


def _auth(rest: str, attributes: Mapping[str, str]) -> Event:
    status = http_status_of(attributes)
    outcome = _outcome(rest, attributes, names.AUTH_OUTCOMES)
    if not outcome and not status:
        return _NOTHING
    return {
        "families": FAMILY_BITS["auth"],
        "object": first_of(attributes, names.AUTH_METHOD),
        "auth_method": first_of(attributes, names.AUTH_METHOD),
        "outcome": outcome,
        "http_status": status,
        "denial_class": denial_class_of(first_of(attributes, names.DENIAL_CLASS)),
    }


def _tenant(rest: str, attributes: Mapping[str, str]) -> Event:
    status = http_status_of(attributes)
    word = _outcome(rest, attributes, names.AUTH_OUTCOMES)
    access = access_of(attributes, is_success=200 <= status < 300 or (not status and word == "success"))
    action = first_of(attributes, names.LIFECYCLE_ACTION)
    said = first_of(attributes, names.LIFECYCLE_OUTCOME) or (first_of(attributes, names.OUTCOME) if action else "")
    outcome = names.LIFECYCLE_OUTCOMES.get(said.lower(), "")
    if not outcome:
        action = ""  # that something was done to a tenant, without how it ended, is no figure
    if not (outcome or access["detail"] or word or status):
        return _NOTHING
    return {
        **access,
        "families": FAMILY_BITS["tenant"],
        "object": action,
        "lifecycle_action": action,
        "lifecycle_outcome": outcome,
        "outcome": outcome,
        "http_status": status,
    }


def _job(rest: str, attributes: Mapping[str, str]) -> Event:
    outcome = _outcome(rest, attributes, names.JOB_OUTCOMES)
    if not outcome:
        return _NOTHING
    return {
        "families": FAMILY_BITS["ingestion"],
        "object": first_of(attributes, names.QUEUE),
        "detail": first_of(attributes, names.STAGE),
        "outcome": outcome,
        "wait_ns": _scaled(first_of(attributes, names.WAIT_MS), _NANO_PER_MS, _MAX_NS) or 0,
    }


def _delivery(rest: str, attributes: Mapping[str, str]) -> Event:
    signature = first_of(attributes, names.SIGNATURE).lower()
    is_duplicate = first_of(attributes, names.DUPLICATE_EFFECT).lower() in names.TRUE or _last(rest) in {
        "duplicate",
        "duplicate_effect",
    }
    detail = "duplicate" if is_duplicate else signature if signature in names.SIGNATURES else ""
    outcome = _outcome(rest, attributes, names.DELIVERY_OUTCOMES)
    if not outcome and not detail:
        return _NOTHING
    return {
        "families": FAMILY_BITS["delivery"],
        "object": first_of(attributes, names.ENDPOINT),
        "detail": detail,
        "outcome": outcome,
        "http_status": http_status_of(attributes),
    }


def _access_sync(rest: str, attributes: Mapping[str, str]) -> Event:
    expected, actual = first_of(attributes, names.EXPECTED), first_of(attributes, names.ACTUAL)
    differs = expected != actual and bool(expected or actual)
    outcome = _outcome(rest, attributes, names.SYNC_OUTCOMES) or ("ok" if expected or actual else "")
    if not outcome:
        return _NOTHING
    kind, resource = first_of(attributes, names.SUBJECT_KIND), first_of(attributes, names.RESOURCE)
    return {
        "families": FAMILY_BITS["access_sync"],
        "object": "/".join(part for part in (kind, resource) if part)[:_MAX_TEXT],
        "detail": f"{expected[:64]}→{actual[:64]}" if differs else "",
        "outcome": outcome,
        "amount_micro": _scaled(first_of(attributes, names.LAG_S), _MICRO, _MAX_MICRO),
    }


def _usage(rest: str, attributes: Mapping[str, str]) -> Event:
    meter = first_of(attributes, names.METER)
    quantity = _scaled(first_of(attributes, names.QUANTITY), _MICRO, _MAX_MICRO)
    outcome = _outcome(rest, attributes, names.USAGE_OUTCOMES) or "ok"
    if not meter or (quantity is None and outcome != "refused"):
        return _NOTHING
    return {
        "families": FAMILY_BITS["usage"],
        "object": meter,
        "outcome": outcome,
        "amount_micro": quantity,
        "limit_micro": _scaled(first_of(attributes, names.LIMIT), _MICRO, _MAX_MICRO),
    }


def _policy(attributes: Mapping[str, str]) -> Event:
    decision = names.DECISIONS.get(first_of(attributes, names.DECISION).lower(), "")
    if not decision:
        return _NOTHING
    return {"families": FAMILY_BITS["policy"], "object": first_of(attributes, names.POLICY), "outcome": decision}


def _evaluation(attributes: Mapping[str, str]) -> Event:
    found = next(iter(evaluations_of(attributes)), None)
    if found is None:
        return _NOTHING
    return {
        "families": FAMILY_BITS["evaluation"],
        "object": found.name,
        "detail": found.label,
        "outcome": "failed" if found.error else "ok",
        "amount_micro": None if found.score is None else round(found.score * _MICRO),
    }


_READERS: Final[Mapping[str, Callable[[str, Mapping[str, str]], Event]]] = {
    "auth": _auth,
    "tenant": _tenant,
    "job": _job,
    "delivery": _delivery,
    "access_sync": _access_sync,
    "usage": _usage,
}


def _last(rest: str) -> str:
    return _LAST_WORD.split(rest)[-1].lower()


def _outcome(rest: str, attributes: Mapping[str, str], words: Mapping[str, str]) -> str:
    """Return what the event says of its outcome in an attribute, else by the last word of its name."""
    said = first_of(attributes, names.OUTCOME).strip().lower()
    return words.get(said, "") if said else words.get(_last(rest), "")


def _scaled(text: str, factor: int, limit: int, *, is_signed: bool = False) -> int | None:
    """Return a number in units of 1/`factor`; `None` for what is no number, absurd, or negative where that is absurd.

    Whole numbers stay exact; others are rounded once.
    """
    try:
        value = int(text) * factor if text.isdigit() and len(text) < 20 else round(float(text) * factor)
    except (ValueError, OverflowError):
        return None
    if abs(value) > limit or (value < 0 and not is_signed):
        return None
    return value


def _whole(text: str, limit: int) -> int:
    try:
        value = float(text)
    except ValueError:
        return 0
    return int(value) if math.isfinite(value) and 0 <= value <= limit else 0
