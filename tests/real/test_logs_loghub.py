"""Real sshd, Linux and OpenStack logs, line by line as records, counted as their labels count them."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.real.conftest import find_input
from tests.unit.telemetry.logs.records import make_logs, make_record, read

from tidegate.telemetry.families import FAMILY_BITS
from tidegate.telemetry.logs.model import LogRow

pytestmark = pytest.mark.real
AUTH, REQUEST, TENANT = (FAMILY_BITS[name] for name in ("auth", "request", "tenant"))


def rows_of(name: str) -> list[LogRow]:
    lines = find_input("logs-loghub", name).read_text().splitlines()
    rows = read(make_logs(*(make_record(line) for line in lines)))
    assert len(rows) == len({row.log_id for row in rows}) == len(lines)
    return rows


def events(rows: Sequence[LogRow], family: int, outcome: str) -> int:
    return sum(row.weight_milli for row in rows if row.families & family and row.outcome == outcome) // 1_000


def test_sign_ins_of_sshd() -> None:
    rows = rows_of("openssh.log")
    assert events(rows, AUTH, "failure") == 215
    assert events(rows, AUTH, "success") == 1
    assert events(rows, AUTH, "unauthorized") == 87
    assert len({row.client_address for row in rows if row.outcome == "failure"}) == 20
    assert {row.families for row in rows} == {0, AUTH}


def test_sources_that_reach_five_failures_within_ten_minutes() -> None:
    failures: defaultdict[str, list[datetime]] = defaultdict(list)
    for row in rows_of("openssh.log"):
        if row.outcome == "failure":
            at = datetime.strptime(f"2023 {row.body[:15]}", "%Y %b %d %H:%M:%S").replace(tzinfo=UTC)
            failures[row.client_address] += [at] * (row.weight_milli // 1_000)
    reached = {
        address: min(last for first, last in zip(times, times[4:], strict=False) if (last - first).seconds <= 600)
        for address, times in failures.items()
        if any((last - first).total_seconds() <= 600 for first, last in zip(times, times[4:], strict=False))
    }
    assert len(reached) == 8
    assert f"{min(reached.values()):%H:%M:%S}" == "07:13:56"


def test_authentication_failures_of_linux() -> None:
    rows = rows_of("linux.log")
    failures = [row for row in rows if row.families]
    assert events(rows, AUTH, "failure") == len(failures) == 268
    assert len({row.client_address for row in failures}) == 30


def test_requests_of_openstack_and_their_tenants() -> None:
    rows = rows_of("openstack.log")
    requests = [row for row in rows if row.families & REQUEST]
    assert Counter(row.http_status for row in requests) == {200: 458, 404: 20, 202: 11, 204: 11}
    with_id = Counter(row.tenant for row in requests if row.request_id)
    assert sorted(with_id.values()) == [26, 54, 378]
    assert with_id[""] == 54
    assert sum(1 for row in requests if row.families & TENANT) == 404
    assert len({row.request_id for row in rows if row.request_id}) == 465
    assert len({row.route for row in requests}) < 40


def test_a_log_that_is_sent_twice_in_other_pieces_counts_once() -> None:
    lines = find_input("logs-loghub", "openssh.log").read_text().splitlines()
    records: list[Any] = [make_record(line, observed_time_unix_nano=number) for number, line in enumerate(lines)]
    whole = {row.log_id for row in read(make_logs(*records))}
    for size in (1, 7, 100):
        pieces = [records[start : start + size] for start in range(0, len(records), size)]
        assert {row.log_id for piece in pieces for row in read(make_logs(*piece))} == whole
