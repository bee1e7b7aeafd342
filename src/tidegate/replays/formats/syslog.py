"""Lines of syslog, sshd's among them, as log records: the line as it is, its time, host and program beside it."""

import re
from collections.abc import Iterable, Iterator
from time import gmtime

from tidegate.replays.formats import Unreadable
from tidegate.replays.formats.rows import MAX_BODY_CHARACTERS, converted, filled
from tidegate.replays.model import NANO, Log, Reading, Row, Severity, UnreadableRowError, Value
from tidegate.replays.times import iso_ns, month_number, syslog_seconds

_LINE = re.compile(
    r"(?:<\d{1,3}>)?"
    r"(?:(?P<month>[A-Z][a-z]{2}) +(?P<day>\d{1,2}) (?P<clock>\d\d:\d\d:\d\d)|(?P<iso>\d{4}-\d\d-\d\dT\S+)) "
    r"(?P<host>\S+) "
    r"(?P<program>[^\s:\[(]+)?(?:\([^)]*\))?(?:\[(?P<pid>\d+)\])?:? "
)
_HALF_A_YEAR = 6
_DAY_S = 86_400  # a line's own zone may be ahead


def read(lines: Iterable[str], reading: Reading) -> Iterator[Row | Unreadable]:
    """Yield a row a line. A line without a time of its own has that of the line before it."""
    reader = _Reader(reading)
    return converted(filled(lines), reader.row_of)


class _Reader:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._year = reading.year or 1970
        self._month = 0
        self._time_ns = 0
        self._resources: dict[tuple[str, str], dict[str, Value]] = {}

    def row_of(self, number: int, line: str) -> Row:
        found = _LINE.match(line)
        if found is None and not self._time_ns:
            raise UnreadableRowError("the line begins with no time of syslog, and none came before it")
        host, program, pid = (found["host"], found["program"], found["pid"]) if found else ("", "", "")
        if found is not None:
            self._time_ns = iso_ns(found["iso"]) if found["iso"] else self._in_its_year(found)
        attributes: dict[str, Value] = {}
        if pid:
            attributes["process.pid"] = int(pid)
        if program:
            attributes["syslog.appname"] = program
        time_ns = self._time_ns + self._reading.shift_ns
        log = Log(
            uid=self._reading.naming.uid(number),
            time_ns=time_ns,
            body=line[:MAX_BODY_CHARACTERS],
            attributes=attributes,
            resource=self._resource(program or "syslog", host or ""),
            severity=Severity.INFO,
        )
        return Row(number, time_ns, (log,))

    def _in_its_year(self, found: "re.Match[str]") -> int:
        # The lines carry no year: after December comes January of the next one.
        month = month_number(found["month"])
        if month and self._month - month > _HALF_A_YEAR:
            self._year += 1
        self._month = month or self._month
        return syslog_seconds(found["month"], int(found["day"]), found["clock"], self._year) * NANO

    def _resource(self, program: str, host: str) -> dict[str, Value]:
        key = (program, host)
        if key not in self._resources:
            self._resources[key] = self._reading.resource(program, **{"host.name": host})
        return self._resources[key]


def first_year(lines: Iterable[str], written_s: float) -> int:
    """Return the year of the first line: the latest in which the last one is not after the file was written.

    The lines carry no year, and a file that goes from December to January began the year before.
    """
    turns = before = 0
    last: re.Match[str] | None = None
    for line in lines:
        found = _LINE.match(line)
        if found is None or found["iso"]:
            continue
        month = month_number(found["month"])
        turns += before - month > _HALF_A_YEAR
        before, last = month, found
    year = gmtime(written_s).tm_year
    if last is not None and _seconds(last, year) > written_s + _DAY_S:
        year -= 1
    return year - turns


def _seconds(found: "re.Match[str]", year: int) -> int:
    try:
        return syslog_seconds(found["month"], int(found["day"]), found["clock"], year)
    except UnreadableRowError:
        return 0  # 29 February of another year
