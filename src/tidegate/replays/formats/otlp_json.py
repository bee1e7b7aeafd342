"""The protocol's own JSON, whole or a request a line, and flat AI spans as tracing exporters of agents write them.

A request is passed on as it is, but for four things: its resource says that it is replayed, a log record without an id
gets one, and times and ids move together when the recording is sent as another one.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from tidegate.replays.formats import Unreadable
from tidegate.replays.formats.flat_spans import FlatSpans, is_flat_span
from tidegate.replays.formats.rows import converted, filled
from tidegate.replays.model import Document, Reading, Row, Signal, UnreadableRowError

# signal -> the words of its request: groups, scopes, and where the items of a scope stand
_SHAPES: Final = {
    Signal.TRACES: ("resourceSpans", "scopeSpans", "spans"),
    Signal.LOGS: ("resourceLogs", "scopeLogs", "logRecords"),
    Signal.METRICS: ("resourceMetrics", "scopeMetrics", "metrics"),
}
_TIMES: Final = frozenset({"startTimeUnixNano", "endTimeUnixNano", "timeUnixNano", "observedTimeUnixNano"})
_ENDS: Final = frozenset({"endTimeUnixNano", "timeUnixNano"})
_IDS: Final = {"traceId": 16, "spanId": 8, "parentSpanId": 8}
_UID: Final = "log.record.uid"
# A request is passed on in pieces of this many: a whole day in one object would be more than any server takes at once.
_PIECE_ITEMS: Final = 500


def read(lines: Iterable[str], reading: Reading) -> Iterator[Row | Unreadable]:
    """Yield a row a line when the first line is a whole object, else one row for the whole file."""
    numbered = filled(lines)
    first = next(numbered, None)
    if first is None:
        return iter(())
    convert = _Reader(reading).row_of
    try:
        json.loads(first[1])
    except ValueError:
        return converted([(1, "\n".join([first[1], *(line for _, line in numbered)]))], convert)
    return converted(_from(first, numbered), convert)


def _from(first: tuple[int, str], rest: Iterator[tuple[int, str]]) -> Iterator[tuple[int, str]]:
    yield first
    yield from rest


class _Reader:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._flat = FlatSpans(reading)

    def row_of(self, number: int, text: str) -> Row:
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise UnreadableRowError(f"the JSON cannot be read: {error}") from error
        if not isinstance(content, dict):
            raise UnreadableRowError("it is no JSON object")
        if is_flat_span(content):
            return self._flat.row_of(number, content)
        try:
            documents = tuple(self._documents(number, content))
        except (AttributeError, TypeError, ValueError, KeyError, RecursionError) as error:
            raise UnreadableRowError("the JSON has other shapes than OTLP/JSON") from error
        if not documents and not content.keys() & {groups for groups, _, _ in _SHAPES.values()}:
            raise UnreadableRowError("it holds no resourceSpans, resourceLogs or resourceMetrics, and is no span")
        return Row(number, max((latest_ns(one.content) for one in documents), default=0), documents)

    def _documents(self, number: int, content: Mapping[str, Any]) -> Iterator[Document]:
        for signal, (groups, scopes, items) in _SHAPES.items():
            if not content.get(groups):
                continue
            place = 0
            for group in content[groups]:
                self._mark(group)
                for scope in group.get(scopes) or ():
                    if signal is Signal.LOGS:
                        for record in scope.get(items) or ():
                            place += 1
                            self._identify(record, number, place)
                    if self._reading.shift_ns or self._reading.naming.generation:
                        self._move(scope)
                    yield from _pieces(signal, group, scope)

    def _mark(self, group: dict[str, Any]) -> None:
        attributes = group.setdefault("resource", {}).setdefault("attributes", [])
        own = {"tidegate.replayed"} | ({"service.name"} if self._reading.service else set())
        attributes[:] = [pair for pair in attributes if pair.get("key") not in own]
        attributes.append({"key": "tidegate.replayed", "value": {"boolValue": True}})
        if self._reading.service:
            attributes.append({"key": "service.name", "value": {"stringValue": self._reading.service}})

    def _identify(self, record: dict[str, Any], number: int, place: int) -> None:
        naming = self._reading.naming
        attributes = record.setdefault("attributes", [])
        own = next((pair for pair in attributes if pair.get("key") == _UID), None)
        if own is None:
            attributes.append({"key": _UID, "value": {"stringValue": naming.uid(number, place)}})
        elif naming.generation:
            own["value"] = {"stringValue": naming.uid("own", json.dumps(own.get("value"), sort_keys=True))}

    def _move(self, node: Any) -> None:  # noqa: ANN401 - JSON of any shape
        """Shift every time and give every id anew, wherever they stand: spans, links, events, exemplars."""
        if isinstance(node, list):
            for item in node:
                self._move(item)
        elif isinstance(node, dict):
            for key, value in node.items():
                if key in _TIMES and int(value):
                    node[key] = str(int(value) + self._reading.shift_ns)
                elif key in _IDS and value:
                    node[key] = self._reading.naming.own(value, length=_IDS[key]).hex()
                else:
                    self._move(value)


def _pieces(signal: Signal, group: Mapping[str, Any], scope: Mapping[str, Any]) -> Iterator[Document]:
    groups, scopes, items = _SHAPES[signal]
    found = scope.get(items) or []
    for start in range(0, len(found), _PIECE_ITEMS):
        piece = found[start : start + _PIECE_ITEMS]
        content = {groups: [{**group, scopes: [{**scope, items: piece}]}]}
        yield Document(signal, content, len(piece))


def latest_ns(node: Any) -> int:  # noqa: ANN401 - JSON of any shape
    """Return the last end or time anywhere in it; 0 without any."""
    if isinstance(node, list):
        return max(map(latest_ns, node), default=0)
    if not isinstance(node, dict):
        return 0
    return max((int(value) if key in _ENDS else latest_ns(value) for key, value in node.items()), default=0)
