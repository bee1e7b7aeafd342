"""Locust's statistics: the CSV of `--csv` (`…_stats.csv`) and the JSON of `--json`. Pure.

Totals are added up from the rows; the row `Aggregated` gives the percentiles, and what it claims besides is compared.
Locust rounds response times above 100 ms to two digits, in both forms.
"""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Final

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.documents import (
    as_count,
    as_list,
    as_mapping,
    as_number,
    as_text,
    check_size,
    load_json,
    short,
)
from tidegate.evidence.formats.load_model import LoadReading

__all__ = ["read_locust"]

_MAX_ROWS = 10_000
_TOTAL: Final = frozenset({"Aggregated", "Total"})
_COLUMNS: Final = {  # since 1.0, and before
    "count": ("Request Count", "# requests"),
    "failures": ("Failure Count", "# failures"),
    "max": ("Max Response Time", "Max response time"),
    "p50": ("50%", "Median Response Time", "Median response time"),
    "p95": ("95%",),
    "p99": ("99%",),
    "rate": ("Requests/s",),
}


def read_locust(content: bytes) -> LoadReading:
    """Return what the statistics say.

    Raises:
        ReportUnreadableError: they are none of Locust's.
        ReportTooLargeError: they are larger than any are read.
    """
    check_size(content)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        return _from_json(load_json(content, what="list of statistics"))
    return _from_csv(content)


def _from_csv(content: bytes) -> LoadReading:
    header, rows = _table(content)
    places = {
        name: next((header.index(word) for word in words if word in header), None) for name, words in _COLUMNS.items()
    }
    if places["count"] is None or places["failures"] is None or "Name" not in header:
        raise ReportUnreadableError(
            "It has no columns Name, Request Count and Failure Count: these are no statistics of Locust."
        )
    name_at = header.index("Name")
    total = [row for row in rows if row[name_at] in _TOTAL]
    own = [row for row in rows if row[name_at] not in _TOTAL]
    if len(total) > 1:
        raise ReportUnreadableError("It has more than one row of totals.")
    if not own and total:
        raise ReportUnreadableError("It has a row of totals, and none that they are the totals of.")
    figures = [{name: _figure(row, place, name) for name, place in places.items()} for row in own]
    count = int(sum(row["count"] or 0 for row in figures))
    failures = int(sum(row["failures"] or 0 for row in figures))
    aggregated = {name: _figure(total[0], place, name) for name, place in places.items()} if total else {}
    warnings = [] if total else ["It has no row Aggregated: there are no percentiles of all requests."]
    for said, counted, what in (
        (aggregated.get("count"), count, "requests"),
        (aggregated.get("failures"), failures, "failures"),
    ):
        if said is not None and said != counted:
            warnings.append(f"Its totals say {said:g} {what}; {counted} are in its rows, and those count.")
    _check_failures(failures, count)
    return LoadReading(
        tool="locust",
        request_count=count,
        failure_count=failures,
        p50_ms=aggregated.get("p50"),
        p95_ms=aggregated.get("p95"),
        p99_ms=aggregated.get("p99"),
        max_ms=aggregated.get("max"),
        requests_per_s=aggregated.get("rate"),
        duration_s=None,
        thresholds=None,
        warnings=tuple(warnings),
    )


def _table(content: bytes) -> tuple[list[str], list[list[str]]]:
    try:
        text = content.decode("utf-8-sig")
        rows = [row for row in csv.reader(io.StringIO(text), strict=True) if row]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ReportUnreadableError(f"The statistics are no CSV: {short(str(error), 200)}.") from error
    if not rows:
        raise ReportUnreadableError("The statistics are empty.")
    if len(rows) > _MAX_ROWS:
        raise ReportUnreadableError(f"It has {len(rows)} rows; {_MAX_ROWS} are read.")
    header = rows[0]
    if len(set(header)) != len(header):
        raise ReportUnreadableError("It has a column twice: which one counts is not known.")
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise ReportUnreadableError(f"Row {number} has {len(row)} cells, the header {len(header)}.")
    return header, rows[1:]


def _figure(row: Sequence[str], place: int | None, name: str) -> float | None:
    if place is None or row[place] in {"", "N/A"}:
        return None
    text = row[place]
    try:
        number = float(text) if len(text) <= 40 else None
    except ValueError:
        number = None
    if number is None:
        raise ReportUnreadableError(f"{short(text, 40)!r} is no number of {name}.")
    return as_count(number, name) if name in {"count", "failures"} else as_number(number, name)


def _from_json(document: Any) -> LoadReading:  # noqa: ANN401 - JSON
    entries = [as_mapping(one, f"{number}") for number, one in enumerate(as_list(document, "The list of statistics"))]
    if len(entries) > _MAX_ROWS:
        raise ReportUnreadableError(f"It has {len(entries)} entries; {_MAX_ROWS} are read.")
    if any("num_requests" not in one for one in entries):
        raise ReportUnreadableError("An entry has no `num_requests`: these are no statistics of Locust.")
    own = [one for one in entries if as_text(one.get("name"), "name") not in _TOTAL]
    times: Counter[float] = Counter()
    for number, entry in enumerate(own):
        times.update(_times_of(entry, f"{number}.response_times"))
    count = sum(as_count(one.get("num_requests"), "num_requests") or 0 for one in own)
    failures = sum(as_count(one.get("num_failures"), "num_failures") or 0 for one in own)
    _check_failures(failures, count)
    duration = _duration_s(own)
    most = [as_number(one.get("max_response_time"), "max_response_time") for one in own]
    return LoadReading(
        tool="locust",
        request_count=count,
        failure_count=failures,
        p50_ms=_percentile(times, 0.5),
        p95_ms=_percentile(times, 0.95),
        p99_ms=_percentile(times, 0.99),
        max_ms=max((one for one in most if one is not None), default=None),
        requests_per_s=count / duration if duration else None,
        duration_s=duration,
        thresholds=None,
        warnings=() if own else ("It has no entry: no request was made.",),
    )


def _times_of(entry: Mapping[str, Any], where: str) -> dict[float, int]:
    times: dict[float, int] = {}
    for text, count in as_mapping(entry.get("response_times"), where).items():
        try:
            time_ms = as_number(float(text), where) if len(text) <= 40 else None
        except ValueError:
            time_ms = None
        if time_ms is None:
            raise ReportUnreadableError(f"{where} has {short(text, 40)!r}, which is no time.")
        times[time_ms] = times.get(time_ms, 0) + (as_count(count, where) or 0)
    return times


def _percentile(times: Mapping[float, int], share: float) -> float | None:
    """Return the least time that at least `share` of the requests took at most."""
    left = sum(times.values()) * (1 - share)
    for time_ms in sorted(times, reverse=True):
        left -= times[time_ms]
        if left < 0:
            return time_ms
    return min(times, default=None) if sum(times.values()) else None


def _duration_s(entries: Sequence[Mapping[str, Any]]) -> float | None:
    starts = [as_number(one.get("start_time"), "start_time") for one in entries]
    ends = [as_number(one.get("last_request_timestamp"), "last_request_timestamp") for one in entries]
    known_starts, known_ends = [one for one in starts if one is not None], [one for one in ends if one is not None]
    if not known_starts or not known_ends or max(known_ends) <= min(known_starts):
        return None
    return max(known_ends) - min(known_starts)


def _check_failures(failures: int, count: int) -> None:
    if failures > count:
        raise ReportUnreadableError(f"It says that {failures} of {count} requests failed.")
