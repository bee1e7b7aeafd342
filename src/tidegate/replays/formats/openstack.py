"""Log lines of OpenStack nova: its HTTP requests as SERVER spans, every other line as a log record."""

import re
from collections.abc import Iterable, Iterator

from tidegate.replays.formats import Unreadable
from tidegate.replays.formats.rows import MAX_BODY_CHARACTERS, converted, filled
from tidegate.replays.model import NANO, Log, Reading, Row, Severity, Span, SpanKind, UnreadableRowError, Value
from tidegate.replays.times import iso_ns

_LINE = re.compile(
    r"(?:(?P<file>\S+)\s+)?(?P<time>\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) (?P<pid>\d+) "
    r"(?P<level>[A-Z]+) (?P<logger>\S+) "
    r"\[(?P<context>[^\]]*)\] ?(?P<message>.*)"
)
_REQUEST = re.compile(
    r'(?P<client>\S+) "(?P<method>[A-Z]+) (?P<target>\S+) HTTP/[\d.]+" '
    r"status: (?P<status>\d{3}) len: (?P<length>\d+) time: (?P<seconds>\d+\.\d+)"
)
_ID = re.compile(r"[0-9a-f]{32}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SEVERITIES = {
    "DEBUG": Severity.DEBUG, "INFO": Severity.INFO, "WARNING": Severity.WARN, "ERROR": Severity.ERROR,
    "CRITICAL": Severity.FATAL, "TRACE": Severity.DEBUG, "AUDIT": Severity.INFO,
}  # fmt: skip
_ERROR = 2  # OTLP's StatusCode


def read(lines: Iterable[str], reading: Reading) -> Iterator[Row | Unreadable]:
    """Yield a row a line."""
    return converted(filled(lines), _Reader(reading).row_of)


class _Reader:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._resources: dict[str, dict[str, Value]] = {}

    def row_of(self, number: int, line: str) -> Row:
        found = _LINE.match(line)
        if found is None:
            raise UnreadableRowError("it is no log line of nova: a time, a process, a level, a logger, [a context]")
        at_ns = iso_ns(found["time"]) + self._reading.shift_ns
        attributes = _context(found["context"])
        service = (found["file"] or found["logger"]).partition(".")[0]
        resource = self._resources.setdefault(service, self._reading.resource(service))
        request = _REQUEST.match(found["message"])
        if request is not None:
            return Row(number, at_ns, (self._span(number, at_ns, request, attributes, resource),))
        log = Log(
            uid=self._reading.naming.uid(number),
            time_ns=at_ns,
            body=found["message"][:MAX_BODY_CHARACTERS],
            attributes=attributes | {"log.logger": found["logger"], "process.pid": int(found["pid"])},
            resource=resource,
            severity=_SEVERITIES.get(found["level"], 0),
            severity_text=found["level"],
        )
        return Row(number, at_ns, (log,))

    def _span(  # noqa: PLR0917 - one line, taken apart; called at one place
        self,
        number: int,
        at_ns: int,
        request: "re.Match[str]",
        attributes: dict[str, Value],
        resource: dict[str, Value],
    ) -> Span:
        """Return the request: nova writes the line when it has answered, and says how long that took."""
        path = request["target"].partition("?")[0]
        tenant = attributes.get("tenant.id")
        status = int(request["status"])
        attributes |= {
            "http.request.method": request["method"],
            "http.route": _route(path, str(tenant or "")),
            "http.response.status_code": status,
            "http.response.size": int(request["length"]),
            "url.path": path,
            "client.address": request["client"].partition(",")[0],
        }
        if status >= 500:
            attributes["error.type"] = str(status)
        return Span(
            trace_id=self._reading.naming.trace_id(number),
            span_id=self._reading.naming.span_id(number),
            name=f"{request['method']} {attributes['http.route']}",
            kind=SpanKind.SERVER,
            start_ns=at_ns - round(float(request["seconds"]) * NANO),
            end_ns=at_ns,
            attributes=attributes,
            resource=resource,
            status=_ERROR if status >= 500 else 0,
        )


def _context(text: str) -> dict[str, Value]:
    """Return who asked: `[request user project …]`, with `-` for what is not known."""
    names = ("tidegate.request_id", "enduser.id", "tenant.id")
    words = text.split()
    # A line about no request has `-` alone.
    return {name: word for name, word in zip(names, words, strict=False) if word != "-"}


def _route(path: str, tenant: str) -> str:
    """Return the path with names for its ids: routes are what figures are grouped by."""
    return _ID.sub(lambda found: "{tenantId}" if found.group() == tenant else "{id}", path)
