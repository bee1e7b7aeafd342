"""Events as JSON lines: `{"time": …, "event": "usage.recorded", "tenant.id": "acme", …}`, one object an event.

A line without `event` is a log line: its text stays as it is, so that what reads log lines reads this one too.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tidegate.replays.formats import Unreadable
from tidegate.replays.formats.flat_spans import attributes_of
from tidegate.replays.formats.rows import MAX_BODY_CHARACTERS, converted, filled
from tidegate.replays.model import Log, Reading, Row, Severity, UnreadableRowError, Value
from tidegate.replays.times import moment_of

TIME_KEYS: Final = ("time", "timestamp", "ts", "requestTimestamp")
EVENT_KEYS: Final = ("event", "event.name")
SERVICE_KEYS: Final = ("service", "service.name")
RESOURCE_KEYS: Final = {
    "environment": "deployment.environment.name",
    "deployment.environment.name": "deployment.environment.name",
    "release": "service.version",
    "service.version": "service.version",
}
SEVERITY_KEYS: Final = ("severity", "level")
_OWN_ID: Final = "id"
_NAMES: Final = frozenset(
    {*TIME_KEYS[:3], *EVENT_KEYS, *SERVICE_KEYS, *RESOURCE_KEYS, *SEVERITY_KEYS}
    | {"body", "message", "traceId", "spanId", "attributes", _OWN_ID}
)
_SEVERITIES: Final = {
    "TRACE": 1, "DEBUG": Severity.DEBUG, "INFO": Severity.INFO, "WARN": Severity.WARN, "WARNING": Severity.WARN,
    "ERROR": Severity.ERROR, "CRITICAL": Severity.FATAL, "FATAL": Severity.FATAL,
}  # fmt: skip


def read(lines: Iterable[str], reading: Reading) -> Iterator[Row | Unreadable]:
    """Yield a row a line."""
    return converted(filled(lines), _Reader(reading).row_of)


class _Reader:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._resources: dict[str, dict[str, Value]] = {}

    def row_of(self, number: int, line: str) -> Row:
        found = _object(line)
        time = _first(found, TIME_KEYS)
        if time is None:
            raise UnreadableRowError("the event says no `time`")
        at_ns = moment_of(time) + self._reading.shift_ns
        event = str(_first(found, EVENT_KEYS) or "")
        severity = str(_first(found, SEVERITY_KEYS) or "")
        inner = found.get("attributes")
        attributes = attributes_of({key: value for key, value in found.items() if key not in _NAMES})
        if isinstance(inner, Mapping):
            attributes |= attributes_of(inner)
        body = str(_first(found, ("body", "message")) or "") if event else line
        log = Log(
            uid=self._uid(number, found),
            time_ns=at_ns,
            body=body[:MAX_BODY_CHARACTERS],
            attributes=attributes if event else {},
            resource=self._resource(found),
            severity=_SEVERITIES.get(severity.upper(), 0),
            severity_text=severity,
            event_name=event,
            trace_id=self._own(found.get("traceId"), 16),
            span_id=self._own(found.get("spanId"), 8),
        )
        return Row(number, at_ns, (log,))

    def _uid(self, number: int, found: Mapping[str, Any]) -> str:
        """Return the sender's id of the event when it has one, so that it counts once in whichever file it stands."""
        own = found.get(_OWN_ID)
        naming = self._reading.naming
        if own is None:
            return naming.uid(number)
        return naming.uid("own", own) if naming.generation else str(own)[:128]

    def _own(self, recorded: object, length: int) -> bytes:
        return self._reading.naming.own(str(recorded), length=length) if recorded else b""

    def _resource(self, found: Mapping[str, Any]) -> dict[str, Value]:
        service = str(_first(found, SERVICE_KEYS) or "events")
        more = {name: str(found[key]) for key, name in RESOURCE_KEYS.items() if found.get(key)}
        key = repr((service, sorted(more.items())))
        if key not in self._resources:
            self._resources[key] = self._reading.resource(service, **more)
        return self._resources[key]


def _object(line: str) -> dict[str, Any]:
    try:
        found = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UnreadableRowError(f"the JSON cannot be read: {error}") from error
    if not isinstance(found, dict):
        raise UnreadableRowError("the line is no JSON object")
    return found


def _first(found: Mapping[str, Any], keys: Iterable[str]) -> Any:  # noqa: ANN401 - JSON
    return next((found[key] for key in keys if found.get(key) is not None), None)
