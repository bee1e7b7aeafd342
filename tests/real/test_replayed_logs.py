"""Real sshd, Linux and OpenStack logs: every sign-in and every request counted as their labels say."""

import csv
import gzip
import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.real.conftest import find_input
from tests.real.sender import Replayer
from tests.unit.replays.recorded import rows

from tidegate.replays.model import Log, Span

pytestmark = pytest.mark.real

LINES, FAILURES, ACCEPTED, INVALID_USERS = 970, 215, 1, 87
LINUX_FAILURES = 268
REQUESTS, STATUSES = 500, {"200": 458, "404": 20, "202": 11, "204": 11}
TENANTS = {"54fadb412c4e40cdbaed9335e4c35a9e": 378, "e9746973ac574c6b8a9e8857f56a7608": 26}
FAILED = re.compile(r"Failed password for .* from (\S+) port")
REPEATED = re.compile(r"message repeated (\d+) times")


def labelled(name: str) -> list[dict[str, str]]:
    with find_input("logs-loghub", f"{name}.structured.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def brute_force_sources() -> dict[str, str]:
    """Count by hand: the addresses with five failures within 600 s, and when each got there."""
    failures: dict[str, list[datetime]] = {}
    reached: dict[str, str] = {}
    for row in labelled("openssh"):
        found = FAILED.search(row["Content"])
        if found is None:
            continue
        repeated = REPEATED.search(row["Content"])
        at = datetime.strptime(f"2025 {row['Date']} {row['Day']} {row['Time']}", "%Y %b %d %H:%M:%S").replace(
            tzinfo=UTC
        )
        times = failures.setdefault(found[1], [])
        times += [at] * (int(repeated[1]) if repeated else 1)
        if len(times) >= 5 and times[-1] - times[-5] <= timedelta(seconds=600):
            reached.setdefault(found[1], row["Time"])
    return reached


def test_sign_ins_of_sshd_are_counted_as_they_are_labelled(replayer: Replayer) -> None:
    path = find_input("logs-loghub", "openssh.log")
    assert replayer.replay(path, "sshd", "--year", "2025")["logs"] == LINES
    replayer.wait_stored(logs=LINES)
    figures = replayer.wait_counted("auth", "failureCount", FAILURES)
    assert (figures["failureCount"], figures["successCount"]) == (FAILURES, ACCEPTED)
    assert figures["unauthorizedCount"] == INVALID_USERS
    assert figures["requestCount"] == FAILURES + ACCEPTED
    assert figures["distrustedCount"] == 0
    assert figures["replayedCount"] == figures["requestCount"] + INVALID_USERS


def test_a_log_that_is_sent_twice_counts_once(replayer: Replayer, tmp_path: Path) -> None:
    path = find_input("logs-loghub", "openssh.log")
    packed = tmp_path / "openssh.log.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    replayer.replay(path, "sshd", "--year", "2025")
    replayer.replay(packed, "sshd", "--year", "2025", "--restart")
    replayer.send_marker(tmp_path)
    assert replayer.stored()["logs"] == LINES
    replayer.wait_counted("auth", "failureCount", FAILURES)


def test_eight_addresses_force_their_way_and_each_is_seen_when_it_gets_there(replayer: Replayer) -> None:
    expected = brute_force_sources()
    assert (len(expected), min(expected.values())) == (8, "07:13:56")
    replayer.replay(find_input("logs-loghub", "openssh.log"), "sshd", "--year", "2025")
    replayer.wait_counted("auth", "failureCount", FAILURES)
    for address, clock in expected.items():
        at = datetime.fromisoformat(f"2025-12-10T{clock}+00:00")
        # The window ends with the second in which the fifth failure came.
        start, end = at - timedelta(seconds=599), at + timedelta(seconds=1)
        query = f"from={start:%Y-%m-%dT%H:%M:%SZ}&to={end:%Y-%m-%dT%H:%M:%SZ}&by=source&limit=100"
        found = {row["key"]: row["figures"] for row in replayer.get(f"/api/v1/signals/auth/by?{query}")["items"]}
        assert found[address]["failureCount"] >= 5, (address, clock)


def test_failures_of_an_old_linux_are_counted_as_they_are_labelled(replayer: Replayer) -> None:
    path = find_input("logs-loghub", "linux.log")
    assert replayer.replay(path, "sshd", "--year", "2005")["logs"] == 1_000
    replayer.wait_stored(logs=1_000)
    replayer.wait_counted("auth", "failureCount", LINUX_FAILURES)


def test_requests_of_openstack_are_counted_by_status_and_tenant(replayer: Replayer) -> None:
    totals = replayer.replay(find_input("logs-loghub", "openstack.log"), "openstack")
    assert (totals["spans"], totals["logs"]) == (REQUESTS, 500)
    replayer.wait_stored(spans=REQUESTS, logs=500)
    replayer.wait_counted("request", "requestCount", REQUESTS)
    body = replayer.get("/metrics/request?from=2017-05-16T00:00:00Z&to=2017-05-16T01:00:00Z")
    assert body["totals"]["requestCount"] == REQUESTS
    assert body["statusCounts"] == STATUSES
    for tenant, count in TENANTS.items():
        assert replayer.totals("request", workspaceId=tenant)["requestCount"] == count


def test_every_request_id_of_openstack_is_kept() -> None:
    text = find_input("logs-loghub", "openstack.log").read_text()
    events = [event for row in rows("openstack", text) for event in row.events]
    ids = [event.attributes.get("tidegate.request_id") for event in events if isinstance(event, Span | Log)]
    assert len({found for found in ids if found}) == 465
    spans = [event for event in events if isinstance(event, Span)]
    assert sum("tidegate.request_id" in span.attributes for span in spans) == 458
    by_tenant = Counter(
        str(span.attributes.get("tenant.id", "")) for span in spans if "tidegate.request_id" in span.attributes
    )
    assert sorted(by_tenant.values()) == [26, 54, 378]
    assert by_tenant[""] == 54
