"""JSON request logs: one object a request, as tidegate and the services it knows write them. Pure."""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from tidegate.telemetry import semconv
from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.logs import names
from tidegate.telemetry.logs.events import access_of
from tidegate.telemetry.logs.lines import route_of
from tidegate.telemetry.logs.model import Event
from tidegate.telemetry.meaning import first_of, is_auth_route

_NOTHING: Final[Event] = {}
_MESSAGE: Final = re.compile(r"(?P<method>[A-Z]{3,16}) (?P<path>/\S{0,2047})(?:\s|$)")
_TENANT_ROUTE: Final = re.compile(r"\{(?:workspace|tenant)_?id\}", re.IGNORECASE)
_NANO_PER_MS: Final = 1_000_000
_MAX_DURATION_MS: Final = 1e12
_SCALARS: Final = (str, int, float)

METHOD: Final = ("method", "httpMethod", "http.request.method", "http.method")
STATUS: Final = ("status", "statusCode", "http.response.status_code", "http.status_code")
ROUTE: Final = ("route", "http.route")
PATH: Final = ("path", "url.path", "url", "http.target")
DURATION_MS: Final = ("durationMs", "duration_ms", "tidegate.duration_ms")
REQUEST_ID: Final = ("requestId", "request_id", *semconv.REQUEST_ID)
CORRELATION_ID: Final = ("correlationId", "correlation_id", *semconv.CORRELATION_ID)
AUTH_METHOD: Final = ("authMethod", "auth_method", *names.AUTH_METHOD)
ERROR: Final = ("errorCode", "error_code", *semconv.ERROR_CODE)
DENIAL: Final = ("denialClass", "denial_class", *names.DENIAL_CLASS)
TENANT: Final = ("tenant", "tenantId", "tenant_id", "workspaceId", *semconv.TENANT)
PRINCIPAL: Final = ("principalTenant", "principal_tenant", *names.PRINCIPAL_TENANT)
TARGET: Final = ("targetTenant", "target_tenant", *names.TARGET_TENANT)
CLIENT: Final = ("clientAddress", "client_address", "remoteAddress", *names.CLIENT_ADDRESS)
SEVERITY: Final = ("severity", "level", "severityText", "log.level")
TRACE_ID: Final = ("traceId", "trace_id")
SPAN_ID: Final = ("spanId", "span_id")


def fields_of(body: str) -> Mapping[str, str]:
    """Return the fields of a body that is one JSON object; none of any other body. Nested values are passed over."""
    if not body.startswith("{"):
        return {}
    try:
        document: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return {key: _text(value) for key, value in document.items() if isinstance(value, _SCALARS)}


def request_of(fields: Mapping[str, str]) -> Event:
    """Return the request that `fields` tell of; nothing when they are no request log.

    It is one when there is a status, and a method with a route or a path; some write both into the message.
    """
    status = first_of(fields, STATUS)
    if not (status.isdigit() and len(status) == 3):
        return _NOTHING
    method, path = first_of(fields, METHOD), first_of(fields, PATH)
    if not method or not path:
        found = _MESSAGE.match(first_of(fields, ("message", "msg")))
        method = method or (found["method"] if found else "")
        path = path or (found["path"] if found else "")
    route = first_of(fields, ROUTE) or (route_of(path) if path else "")
    if not (method.isalpha() and route and len(method) <= 16):
        return _NOTHING
    return _columns(fields, method.upper(), route, int(status))


def _columns(fields: Mapping[str, str], method: str, route: str, status: int) -> Event:
    tenant = first_of(fields, TENANT)
    families = FAMILY_BITS["request"]
    if is_auth_route(route):
        families |= FAMILY_BITS["auth"]
    access = access_of(
        {
            names.PRINCIPAL_TENANT[0]: first_of(fields, PRINCIPAL),
            names.TARGET_TENANT[0]: first_of(fields, TARGET),
            names.DENIAL_CLASS[0]: first_of(fields, DENIAL),
            names.GRANT[0]: first_of(fields, ("grant", *names.GRANT)),
        },
        is_success=200 <= status < 300,
    )
    if tenant or access["target_tenant"] or access["denial_class"] or _TENANT_ROUTE.search(route):
        families |= FAMILY_BITS["tenant"]
    method_of_auth = first_of(fields, AUTH_METHOD)
    return {
        **access,
        "families": families,
        "http_method": method,
        "route": route,
        "http_status": status,
        "tenant": tenant or str(access["target_tenant"]) or str(access["principal_tenant"]),
        "error_type": first_of(fields, ERROR),
        "client_address": first_of(fields, CLIENT),
        "auth_method": method_of_auth,
        "object": method_of_auth if families & FAMILY_BITS["auth"] else "",
        "duration_ns": _duration_ns(first_of(fields, DURATION_MS)),
        "request_id": first_of(fields, REQUEST_ID),
        "correlation_id": first_of(fields, CORRELATION_ID),
    }


def _duration_ns(text: str) -> int:
    try:
        value = float(text)
    except ValueError:
        return 0
    return round(value * _NANO_PER_MS) if 0 <= value <= _MAX_DURATION_MS else 0


def _text(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value).replace("\0", "\ufffd")
