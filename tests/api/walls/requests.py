"""Requests over every route of the application, with ids of the caller, of others, of both and of nobody."""

import base64
import binascii
import dataclasses
import itertools
import json
import random
import re
import time
import typing
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from fastapi.routing import APIRoute
from tests.api.walls.filling import (
    authz_run,
    backtest,
    evidence,
    evidence_key,
    gate_file,
    junit,
    objective_file,
    price_file,
    rule_file,
)
from tests.api.walls.voices import VOICES
from tests.api.walls.world import ORIGIN, Installation, Workspace, slots_of

from tidegate.app.routers import ROUTERS
from tidegate.edge.caller import SESSION_COOKIE
from tidegate.edge.csrf import new_form_token
from tidegate.identity.policy.actions import GROUPS, OPERATIONS, PUBLIC
from tidegate.signals.model import Family

FAMILIES = tuple(family.value for family in Family)
# By the name of a parameter: the slot of the ids that could stand there.
SLOTS: Mapping[str, str] = {
    "alert_id": "alert_id", "commit": "commit", "environment": "environment", "erasure_id": "erasure_id",
    "gate": "gate_id", "gate_id": "gate_id", "invitation_id": "invitation_id", "member": "member_id",
    "objective": "objective",
    "member_id": "member_id", "metric": "metric", "model": "model", "name_or_id": "release",
    "recount_id": "recount_id", "release": "release", "report_id": "report_id", "runId": "run_id",
    "run_id": "run_id", "service": "service", "session_id": "session_id", "span": "span_id", "span_id": "span_id",
    "spanId": "span_id", "suite": "suite", "target": "member_id", "tenant": "tenant", "token_id": "token_id",
    "traceId": "trace_id", "trace_id": "trace_id", "workspaceId": "tenant", "actor": "token_id",
    "left": "run", "right": "run", "a": "run", "b": "run", "email": "email", "workspace": "workspace",
    "services": "service", "environments": "environment", "q": "text", "id": "gate_id",
    "user_id": "member_id", "group_id": "group_id", "channel_id": "channel_id", "channel": "channel_id",
    "incident_id": "incident_id", "alertIds": "alert_id", "alertId": "alert_id", "commander": "member_id",
    "delivery_id": "delivery_id", "tested": "delivery_id", "silence_id": "silence_id",
    "exception_id": "exception_id",
    "waiver_id": "waiver_id", "decision_id": "decision_id", "against": "decision_id",
    "evidence_id": "evidence_id", "key_id": "key_id", "approval_id": "approval_id", "override_id": "override_id",
    "poll_id": "poll_id", "poll": "poll_id", "freeze_id": "freeze_id",
    "schedule": "schedule", "alertmanager": "alertmanager",
}  # fmt: skip
# What is no id: taken from here, so that a request comes as far as the ids.
PLAIN: Mapping[str, Sequence[str]] = {
    "family": FAMILIES, "slug": ("auth-failures", "none"), "name": ("gate", "release", "none"),
    "file": ("tidegate.css", "none"), "limit": ("1", "2", "50", "200"), "by": ("service", "tenant", "release"),
    "range": ("1h", "24h"), "format": ("json", "csv"), "sort": ("outlier", "tenant"), "order": ("asc", "desc"),
    "state": ("firing", "resolved", "open", "dead", "in_force", "over"),
    "kind": ("person", "service-account"), "dryRun": ("true", "true", "false"),
    "status": ("error", "ok"), "severity": ("error", "info", "P1"), "sequence": ("1", "2"),
    "move": ("acknowledge", "mitigate", "resolve", "reopen"), "despite": ("yes",), "title": ("a title",),
    "provider": ("openai",), "topics": ("alerts",),
    "outcome": ("ok", "failed"), "step": ("60s",), "role": ("viewer", "engineer"), "scope": ("read", "write"),
    "form_token": ("",), "days": ("30",), "inputTokens": ("10",), "outputTokens": ("10",), "source": ("override",),
    "actorKind": ("person", "token"), "action": ("tokens:",), "minMs": ("0",), "unpriced": ("true",),
    "filter": ("id pr", "displayName pr"), "attributes": ("id,userName",), "excludedAttributes": ("meta",),
    "query": ("increase(tidegate_request_request_total[1h])", "tidegate_runtime_value"),
    "match[]": ("tidegate_request_request_total", "tidegate_request_duration_seconds_count"),
    "type": ("alert", "record"), "rule_name[]": ("auth_failure_rate_high",), "timeout": ("10s",),
    "at": ("2026-11-20T12:00:00Z",),
    "start": ("2026-11-20T12:00:00Z",), "end": ("2099-11-20T12:00:00Z",), "time": ("2026-11-20T12:00:00Z",),
    "url": ("https://hooks.invalid/",), "startIndex": ("1",), "count": ("200",), "urn": ("none",),
    "function": ("qa", "security"), "lasting": ("10m",), "answer": ("hold", "no_go"), "check": ("agreed", "poll"),
    "verdict": ("accepted", "refused"), "reason": ("asked for",),
}  # fmt: skip
# Streams do not end by themselves; health and style sheets are the same for everybody.
LEFT_OUT = {"GET /events", "HEAD /assets/{file}", "GET /assets/{file}", "GET /healthz", "GET /readyz"}
DESTRUCTIVE = re.compile(r"^(DELETE|PATCH)|/(revoke|remove|end|role|withdraw|rotate)$|/sign-out$|/account/password$")
# They read much of a workspace's telemetry or hash a password: 30 to 300 ms of processors' time in application and
# engines where most others take less than 20. As often as the others they would make a request cost 22 ms and not 14.
COSTLY = {
    "GET /metrics", "GET /metrics/{family}", "GET /signals", "GET /signals/{family}", "GET /api/v1/signals/health",
    "GET /api/v1/signals/{family}/by", "GET /tenants/{tenant}", "GET /api/v1/tenants", "GET /api/v1/tenants/{tenant}",
    "GET /ai-runs/compare", "GET /alerts/{family}", "GET /api/v1/telemetry/stats", "GET /traces",
    "GET /release/dashboard", "GET /ai-runs", "DELETE /api/v1/tenants/{tenant}/telemetry", "POST /account/password",
    "POST /account/prove", "POST /sign-in/password", "GET /prometheus/api/v1/query", "POST /prometheus/api/v1/query",
    "POST /prometheus/api/v1/query_range", "GET /prometheus/api/v1/series", "POST /prometheus/api/v1/series",
    "POST /prometheus/api/v1/labels", "GET /prometheus/api/v1/labels", "GET /prometheus/api/v1/label/{name}/values",
}  # fmt: skip
COSTLY_EVERY = 8
"""In each of so many rounds over all operations, the first among them."""
# Nothing of another workspace may stand in these, so nothing is tried: the secret itself says whose they are.
WITHOUT_CALLER = set(PUBLIC) - LEFT_OUT
# No token may: sent in the session of a person, to come as far as the ids.
BY_PEOPLE = {operation for operation, action in OPERATIONS.items() if action in GROUPS["approve"]}


WORD = re.compile(r"[a-z]{2,4}_[0-9a-z]{16,}|[0-9a-f]{16,32}")


def decoded(cursor: str) -> str:
    """Return what a cursor holds; empty for what is none."""
    try:
        return base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError):
        return ""


class Whose:
    """Of whom an id is."""

    OWN, FOREIGN, UNKNOWN = "own", "foreign", "unknown"


@dataclass(frozen=True, slots=True)
class Generated:
    """One request, and the same one with unknown ids in the place of the foreign ones."""

    operation: str
    method: str
    path: str
    query: tuple[tuple[str, str], ...]
    headers: tuple[tuple[str, str], ...]
    body: bytes | None
    sent: frozenset[str]
    """Foreign texts that it holds itself: an answer may repeat them."""
    unknown_for: Mapping[str, str] = field(default_factory=dict)
    """What stands for each foreign text in the twin."""

    def twin(self) -> "Generated":
        """Return this request with unknown ids in the place of the foreign ones."""

        def swapped(text: str) -> str:
            for foreign, unknown in sorted(self.unknown_for.items(), key=lambda pair: -len(pair[0])):
                text = text.replace(foreign, unknown)
            return text

        return dataclasses.replace(
            self,
            path=swapped(self.path),
            query=tuple((name, swapped(value)) for name, value in self.query),
            headers=tuple((name, swapped(value)) for name, value in self.headers),
            body=None if self.body is None else swapped(self.body.decode()).encode(),
            sent=self.sent - frozenset(self.unknown_for),
        )


@dataclass(frozen=True, slots=True)
class Operation:
    """One route with one method, and what can be filled in."""

    name: str
    method: str
    template: str
    path_slots: tuple[str, ...]
    query_slots: tuple[str, ...]
    form_slots: tuple[str, ...]
    body_shape: Mapping[str, Any] | None
    """The JSON schema of the body; `None` without one."""

    @property
    def is_page(self) -> bool:
        return (
            not self.template.startswith(("/api/", "/scim/", "/v1/", "/release", "/metrics", "/prometheus/"))
            and "json" not in self.template
        )


def operations(document: Mapping[str, Any]) -> list[Operation]:
    """Return every operation that is served, in the order of the code; `document` is the OpenAPI."""
    found = []
    for router in ROUTERS:
        for route in (each for each in router.routes if isinstance(each, APIRoute)):
            flat = list(_flattened(route.dependant))
            described = document["paths"].get(route.path_format, {})
            for method in sorted(route.methods or ()):
                name = f"{method} {route.path_format}"
                if name in LEFT_OUT:
                    continue
                query = [field.alias for part in flat for field in part.query_params]
                query += [each["name"] for each in described.get(method.lower(), {}).get("parameters", ())
                          if each["in"] == "query"]  # fmt: skip
                content = described.get(method.lower(), {}).get("requestBody", {}).get("content", {})
                is_form = any("form" in kind for kind in content) or not described
                fields = [field.alias for part in flat for field in part.body_params] if is_form else []
                shape = None if is_form else content.get("application/json", {}).get("schema") or None
                found.append(Operation(
                    name, method, route.path_format, tuple(re.findall(r"\{(\w+)\}", route.path_format)),
                    tuple(dict.fromkeys(query)), tuple(fields), shape,
                ))  # fmt: skip
    return found


def _flattened(dependant: Any) -> Iterator[Any]:
    yield dependant
    for each in dependant.dependencies:
        yield from _flattened(each)


class Generator:
    """Makes requests of one caller, the same ones for the same seed."""

    def __init__(self, installation: Installation, document: Mapping[str, Any], *, seed: int) -> None:
        self._own, self._others = installation.own, installation.others
        self._document = document
        self._random = random.Random(seed)
        self._operations = operations(document)
        self._slots = {
            Whose.OWN: _with_made_up(slots_of([self._own], with_the_vital=False), self._own),
            Whose.FOREIGN: _with_made_up(slots_of(self._others, with_the_vital=True), *self._others),
        }
        self.cursors: list[tuple[str, str]] = []
        """Cursors and ETags that answers to others gave, each with the operation it came from."""
        self.etags: list[str] = ['"1"', 'W/"1"', "*"]

    @property
    def operations(self) -> list[Operation]:
        return self._operations

    def requests(self) -> Iterator[Generated]:
        """Yield requests without end, each operation as often as the others but for the costly ones."""
        for number in itertools.count():
            for operation in self._operations:
                if number % COSTLY_EVERY == 0 or operation.name not in COSTLY:
                    yield self.request(operation)

    def request(self, operation: Operation) -> Generated:
        """Return one request of `operation`, with at least one foreign id where it takes any."""
        mix = self._random.choice((Whose.FOREIGN, Whose.FOREIGN, "mixed", "mixed", Whose.OWN))
        if mix == Whose.OWN and DESTRUCTIVE.search(operation.template if operation.method == "POST" else
                                                   operation.method):  # fmt: skip
            mix = Whose.FOREIGN  # else nothing of one's own is left to be mixed with
        filled = _Filling(self._random, self._slots, mix)
        path = operation.template
        for slot in operation.path_slots:
            path = path.replace(f"{{{slot}}}", filled.value(slot))
        query = self._query(operation, filled)
        headers = self._headers(operation)
        body, content_type = self._body(operation, filled)
        if content_type:
            headers.append(("content-type", content_type))
        return Generated(
            operation.name, operation.method, path, tuple(query), tuple(headers), body,
            frozenset({*filled.unknown_for, *filled.repeated}), filled.unknown_for,
        )  # fmt: skip

    def _query(self, operation: Operation, filled: "_Filling") -> list[tuple[str, str]]:
        chosen = [slot for slot in operation.query_slots if self._random.random() < 0.4 or slot in _NEEDED]
        query = []
        for slot in chosen:
            if slot == "cursor":
                if self.cursors:
                    cursor = self._random.choice(self.cursors)[1]
                    query.append((slot, cursor))
                    filled.repeated |= {cursor, *WORD.findall(decoded(cursor))}
            elif slot not in _NEVER and (slot != "metric" or "runtime" in operation.template):
                query.append((slot, filled.value(slot)))
        if self._random.random() < 0.1:
            query.append((self._random.choice(("workspace", "tenant_id", "workspaceId")), filled.value("workspace")))
        return query

    def _headers(self, operation: Operation) -> list[tuple[str, str]]:
        other = self._random.choice(self._others)
        headers = []
        if operation.name in WITHOUT_CALLER:
            headers.append(("origin", ORIGIN))
        elif operation.template == "/sign-out":  # the session stays: it is that of many requests to come
            headers += [("authorization", f"Bearer {self._own.token}"), ("origin", ORIGIN)]
        elif operation.is_page or operation.name in BY_PEOPLE:
            headers += [("cookie", f"{SESSION_COOKIE}={self._own.session}"), ("origin", ORIGIN)]
        else:
            headers.append(("authorization", f"Bearer {self._own.token}"))
            if self._random.random() < 0.1:  # the credential of the header decides, not the browser's
                headers.append(("cookie", f"{SESSION_COOKIE}={self._own.session}"))
        if self._random.random() < 0.15:
            name = self._random.choice(("x-tenant-id", "x-workspace", "x-workspace-id", "x-forwarded-host", "x-scope"))
            headers.append((name, other.id))
        if self.etags and operation.method == "GET" and self._random.random() < 0.15:
            headers.append(("if-none-match", self._random.choice(self.etags)))
        return headers

    def _body(self, operation: Operation, filled: "_Filling") -> tuple[bytes | None, str]:
        if operation.method in {"GET", "HEAD"}:
            return None, ""
        if operation.form_slots:
            values = {slot: filled.value(slot) for slot in operation.form_slots}
            values |= {"form_token": new_form_token(self._own.session), "password": "not the password of anybody"}
            return typing.cast("bytes", _form(values)), "application/x-www-form-urlencoded"
        special = _FILES.get(operation.name)
        if special is not None:
            text, content_type = special(filled, self._own)
            return text.encode(), content_type
        if operation.body_shape is None:
            return None, ""
        return json.dumps(self._json(operation.body_shape, filled, "")).encode(), "application/json"

    def _json(  # noqa: PLR0911 - one a kind of schema
        self, shape: Mapping[str, Any], filled: "_Filling", name: str, depth: int = 0
    ) -> Any:
        if "$ref" in shape:
            shape = self._document["components"]["schemas"][shape["$ref"].rpartition("/")[2]]
        for word in ("anyOf", "oneOf"):
            if word in shape:
                return self._json(shape[word][0], filled, name, depth)
        if "enum" in shape or "const" in shape:
            return self._random.choice(shape["enum"]) if "enum" in shape else shape["const"]
        kind = shape.get("type")
        if kind == "object":
            needed = shape.get("required", ())
            return {
                key: self._json(part, filled, key, depth + 1)
                for key, part in shape.get("properties", {}).items()
                if key in needed or (key in SLOTS and self._random.random() < 0.8) or self._random.random() < 0.3
            }
        if kind == "array":
            items = shape.get("items", {"type": "string"})
            return [self._json(items, filled, name, depth + 1) for _ in range(self._random.randint(1, 2))]
        if kind in {"integer", "number"}:
            return max(shape.get("minimum", 0), 30) if shape.get("maximum", 30) >= 30 else shape.get("minimum", 0)
        if kind == "boolean":
            return self._random.random() < 0.5
        if shape.get("format") == "date-time":
            return "2026-11-20T12:00:00Z"
        return filled.value(name)


# They decide nothing about whose rows are read, and a wrong one ends the request before it reads any.
_NEVER = {
    "asked",
    "about",
    "cachedInputTokens",
    "cacheWriteTokens",
    "from",
    "to",
    "at",
    "last_event_id",
    "minCostUsd",
    "figures",
    "meter",
    "step",
    "by",
}
_NEEDED = {"suite", "commit", "service", "provider", "model", "gate", "left", "right", "a", "b"}


class _Filling:
    """Chooses values for the slots of one request and keeps book of the foreign ones."""

    def __init__(self, source: random.Random, slots: Mapping[str, Mapping[str, list[str]]], mix: str) -> None:
        self._random, self._slots, self._mix = source, slots, mix
        self.unknown_for: dict[str, str] = {}
        self.repeated: set[str] = set()
        """What else an answer may repeat: what a cursor holds."""

    def is_rare(self) -> bool:
        """Return whether this is one of the few requests that are unlike the others."""
        return self._random.random() < 0.3

    def value(self, name: str) -> str:
        slot = SLOTS.get(name)
        if slot is None:
            return self._random.choice(PLAIN.get(name, ("x",)))
        whose = self._mix
        if whose == "mixed":
            whose = self._random.choice((Whose.OWN, Whose.FOREIGN, Whose.FOREIGN, Whose.UNKNOWN))
        own = self._slots[Whose.OWN].get(slot)
        foreign = self._slots[Whose.FOREIGN].get(slot)
        if not foreign or not own:
            return "x"
        if whose == Whose.OWN:
            return self._random.choice(own)
        chosen = self._random.choice(foreign)
        if whose == Whose.UNKNOWN:
            return unknown_like(chosen, "56789abcdef01234", turn=5)
        for part in chosen.split("/"):
            self.unknown_for[part] = unknown_like(part)
        return chosen


_MARK = re.compile(r"(?<=-)[0-9a-f]{8,12}")


def unknown_like(text: str, letters: str = "fedcba9876543210", *, turn: int = 3) -> str:
    """Return a text of the same form that nobody holds: its digits and letters are exchanged."""
    turned = str.maketrans("0123456789abcdef", letters)
    prefix, mark, rest = text.partition("_") if re.match(r"^[a-z]{2,4}_", text) else ("", "", text)
    if mark:
        return f"{prefix}_{rest[turn:]}{rest[:turn]}"
    if re.fullmatch(r"[0-9a-f/]+", text):
        return text.translate(turned)
    return _MARK.sub(lambda found: found[0].translate(turned), text)


def _with_made_up(slots: Mapping[str, list[str]], *workspaces: Workspace) -> dict[str, list[str]]:
    """Return `slots` with those that are made of others."""
    made = dict(slots)
    traces, spans = slots["trace_id"], slots["span_id"]
    made["run"] = [f"{trace}/{span}" for trace, span in zip(traces, spans[::2], strict=False)]
    made["text"] = [*slots["tenant"], *(workspace.mark for workspace in workspaces)]
    return made


def _form(values: Mapping[str, str]) -> bytes:
    from urllib.parse import urlencode

    return urlencode(values).encode()


def _otlp(filled: _Filling, own: Workspace) -> tuple[str, str]:
    del own
    said = {"key": "tidegate.workspace", "value": {"stringValue": filled.value("workspace")}}
    tenant = {"key": "tenant.id", "value": {"stringValue": filled.value("tenant")}}
    service = {"key": "service.name", "value": {"stringValue": filled.value("service")}}
    span = {"traceId": filled.value("trace_id"), "spanId": filled.value("span_id"), "name": "GET /", "kind": 2,
            "startTimeUnixNano": "1763640000000000000", "endTimeUnixNano": "1763640001000000000",
            "attributes": [tenant, said]}  # fmt: skip
    spans = [{"resource": {"attributes": [service, said]}, "scopeSpans": [{"spans": [span]}]}]
    return json.dumps({"resourceSpans": spans}), "application/json"


def _at_once(filled: _Filling, own: Workspace) -> tuple[str, str]:
    judged = {"name": "groundedness", "service": filled.value("service"), "score": 0.5,
              "tenant": filled.value("tenant"), "traceId": filled.value("trace_id"),
              "spanId": filled.value("span_id"), "explanation": own.hidden("evaluation")}  # fmt: skip
    return json.dumps({"evaluations": [judged]}), "application/json"


def _release(filled: _Filling, own: Workspace) -> tuple[str, str]:
    service = {"service": filled.value("service"), "version": own.mark, "commit": filled.value("commit")}
    made = {"name": filled.value("release"), "environment": filled.value("environment"), "services": [service]}
    return json.dumps(made), "application/json"


def _offered(filled: _Filling, own: Workspace) -> tuple[str, str]:
    said = {"commit": filled.value("commit"), "service": filled.value("service")}
    if filled.is_rare():
        said = {"release": filled.value("release")}
    return json.dumps(evidence(own, **said)), "application/json"


def _pushed(filled: _Filling, own: Workspace) -> tuple[str, str]:
    labels = {"alertname": own.mark, "service": filled.value("service"), "tenant": filled.value("tenant")}
    return json.dumps([{"labels": labels, "annotations": {"summary": own.hidden("summary")}}]), "application/json"


def _waiver(filled: _Filling, own: Workspace) -> tuple[str, str]:
    expires_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    wish = {"check": "authz", "owner": own.hidden("owner"), "reason": own.hidden("reason"), "expiresAt": expires_at,
            "release": filled.value("release")}  # fmt: skip
    return json.dumps(wish), "application/json"


def _kept_quiet(filled: _Filling, own: Workspace) -> tuple[str, str]:
    matchers = [{"name": "tenant", "value": filled.value("tenant"), "isRegex": False}]
    ends_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
    wish = {"matchers": matchers, "comment": own.hidden("comment"), "createdBy": own.mark, "endsAt": ends_at,
            "startsAt": datetime.now(UTC).isoformat()}  # fmt: skip
    return json.dumps(wish), "application/json"


def _erasure(_: _Filling, own: Workspace) -> tuple[str, str]:
    return json.dumps({"reason": own.hidden("reason")}), "application/json"


def _selector(filled: _Filling) -> str:
    said = {"service": filled.value("service"), "tenant": filled.value("tenant")}
    return "tidegate_request_request_total{" + ",".join(f'{name}="{value}"' for name, value in said.items()) + "}"


def _expression(filled: _Filling) -> str:
    chosen = _selector(filled)
    return f"sum by (service, tenant) (increase({chosen}[1h])) or {chosen}"


def _asked(**fields: Any) -> tuple[str, str]:
    return _form(fields).decode(), "application/x-www-form-urlencoded"


_FILES: Mapping[str, Any] = {
    "PUT /api/v1/retention": lambda _, __: (json.dumps({"rawDays": 30}), "application/json"),
    "PUT /api/v1/limits": lambda _, __: (json.dumps({"spansPerDay": 10**9}), "application/json"),
    "PUT /api/v1/tokens/{token_id}/limits": lambda _, __: (json.dumps({"spansPerDay": 10**9}), "application/json"),
    "POST /api/v1/recounts": lambda _, __: ("{}", "application/json"),
    "POST /api/v1/evaluations": _at_once,
    "POST /api/v1/releases": _release,
    "DELETE /api/v1/traces/{trace_id}": _erasure,
    "DELETE /api/v1/tenants/{tenant}/telemetry": _erasure,
    "POST /api/v1/gates": lambda filled, own: (gate_file(own, filled.value("gate_id")), "application/yaml"),
    "POST /api/v1/gates/validate": lambda filled, own: (gate_file(own, filled.value("gate_id")), "application/yaml"),
    "POST /api/v1/objectives/{objective}/exceptions": lambda _, own: (
        json.dumps({"reason": own.hidden("exception"), "until": "2099-01-01T00:00:00Z"}), "application/json"),
    "POST /api/v1/objectives/plan": lambda filled, own: (
        objective_file(own, filled.value("objective")), "application/yaml"),
    "POST /api/v1/objectives/apply": lambda filled, own: (
        objective_file(own, filled.value("objective")), "application/yaml"),
    "PUT /api/v1/prices/overrides": lambda _, own: (price_file(own), "application/yaml"),
    "POST /api/v1/prices/validate": lambda _, own: (price_file(own), "application/yaml"),
    "POST /api/v1/rules/plan": lambda _, own: (rule_file(own), "application/yaml"),
    "POST /api/v1/rules/backtest": lambda _, own: (backtest(own), "application/json"),
    "POST /api/v1/rules/apply": lambda _, own: (rule_file(own), "application/yaml"),
    "POST /api/v1/ci/reports": lambda _, own: (junit(own), "application/xml"),
    "POST /release/authz-regression": lambda filled, own: (
        json.dumps(authz_run(own, filled.value("run_id"), service=filled.value("service"),
                             commit=filled.value("commit"))), "application/json"),
    "POST /v1/traces": _otlp,
    "POST /prometheus/api/v1/query": lambda filled, _: _asked(query=_expression(filled)),
    "POST /prometheus/api/v1/query_range": lambda filled, _: _asked(
        query=_expression(filled), start=int(time.time()) - 3600, end=int(time.time()), step=60),
    "POST /prometheus/api/v1/series": lambda filled, _: _asked(**{"match[]": _selector(filled)}),
    "POST /prometheus/api/v1/labels": lambda filled, _: _asked(**{"match[]": _selector(filled)}),
    "POST /api/v1/evidence": _offered,
    "POST /api/v1/evidence-keys": lambda _, __: (json.dumps(evidence_key()), "application/json"),
    "DELETE /api/v1/evidence/{evidence_id}": _erasure,
    "POST /api/v2/alerts": _pushed,
    "POST /api/v1/gates/{gate_id}/waivers": _waiver,
    "POST /api/v2/silences": _kept_quiet,
    **VOICES,
}  # fmt: skip
