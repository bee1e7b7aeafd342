"""Spans as rows of a table: `TraceID,SpanID,ParentID,PodName,OperationName,StartTimeUnixNano,EndTimeUnixNano`."""

import re
from collections.abc import Iterable, Iterator, Mapping

from tidegate.replays.formats import Unreadable
from tidegate.replays.formats.rows import converted, whole_number
from tidegate.replays.formats.tables import table_rows
from tidegate.replays.model import Reading, Row, Span, SpanKind, Value

COLUMNS = ("TraceID", "SpanID", "ParentID", "PodName", "OperationName", "StartTimeUnixNano", "EndTimeUnixNano")
_ROOT = "root"
# A pod is named after its service, its replica set and itself.
_POD = re.compile(r"-[0-9a-f]{6,10}-[0-9a-z]{5}$")


def read(lines: Iterable[str], reading: Reading) -> Iterator[Row | Unreadable]:
    """Yield a row a span under its own ids: what the recording repeats is the same span, and counts once."""
    resources: dict[str, dict[str, Value]] = {}
    naming = reading.naming

    def convert(number: int, row: Mapping[str, str]) -> Row:
        pod, parent = row["PodName"], row["ParentID"]
        resource = resources.get(pod)
        if resource is None:
            resource = resources[pod] = reading.resource(_POD.sub("", pod), **{"k8s.pod.name": pod})
        end_ns = whole_number(row["EndTimeUnixNano"], "EndTimeUnixNano") + reading.shift_ns
        is_root = parent == _ROOT
        span = Span(
            trace_id=naming.own(row["TraceID"], length=16),
            span_id=naming.own(row["SpanID"], length=8),
            parent_id=b"" if is_root or not parent else naming.own(parent, length=8),
            name=row["OperationName"],
            kind=SpanKind.SERVER if is_root else SpanKind.INTERNAL,
            start_ns=whole_number(row["StartTimeUnixNano"], "StartTimeUnixNano") + reading.shift_ns,
            end_ns=end_ns,
            attributes={},
            resource=resource,
        )
        return Row(number, end_ns, (span,))

    return converted(table_rows(lines, COLUMNS), convert)
