"""A disk that fills up: intake stops in time and says so everywhere, reading goes on, nothing acknowledged is lost."""

import contextlib
import http.client
import os
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.e2e.load import Load
from tests.e2e.server import Server, wait_until
from tests.factories import auth_span, make_request

PROTOBUF = {"Content-Type": "application/x-protobuf"}
DISK_BYTES = 360 * 2**20


@pytest.fixture(scope="module")
def small_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("disk")
    command = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES},mode=0755", "tmpfs", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True, check=False).returncode != 0:
        pytest.skip("only root may mount a small disk; the rule itself is tested with told figures")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=False)


@pytest.fixture(scope="module")
def crowded(small_disk: Path) -> Iterator[Server]:
    server = Server(small_disk)
    server.start()
    yield server
    server.stop()


@pytest.fixture
def workspace(crowded: Server) -> str:
    name = f"w-{os.urandom(4).hex()}"
    assert crowded.cli("workspace", "create", name).returncode == 0
    return name


def fill(folder: Path, *, leaving: int) -> Path:
    """Write a file until only `leaving` bytes are free."""
    file = folder / "of-somebody-else"
    with file.open("ab", buffering=0) as writer, contextlib.suppress(OSError):
        while (free := os.statvfs(folder).f_bavail * os.statvfs(folder).f_frsize) > leaving:
            writer.write(b"x" * min(2**20, max(4096, free - leaving)))
    return file


def one_body() -> bytes:
    return make_request(auth_span(200, at_ns=time.time_ns())).SerializeToString()


def page(server: Server, path: str) -> str:
    """Return a page as somebody who is signed in sees it."""
    link = server.cli("sign-in-link").stdout.strip().partition("link=")[2]
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)) as connection:
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Origin": server.url}
        connection.request("POST", "/sign-in", f"link={link}", headers)
        answer = connection.getresponse()
        answer.read()
        cookie = str(answer.getheader("set-cookie")).partition(";")[0]
        connection.request("GET", path, headers={"Cookie": cookie})
        return connection.getresponse().read().decode()


def counted(server: Server, token: str) -> int:
    status, stats = server.get("/api/v1/telemetry/stats", token)
    return int(stats["spans"]) if status == 200 else -1


def wait_for_what_was_acknowledged(server: Server, token: str, load: Load) -> None:
    """Wait until as many spans are counted as were acknowledged; else say what the server answers instead."""
    wait_until(
        lambda: counted(server, token) >= load.acknowledged_spans,
        what=lambda: f"{load.acknowledged_spans} spans; {server.get('/api/v1/telemetry/stats', token)}; {server.log}",
    )


def test_intake_stops_at_the_watermark_loses_nothing_and_goes_on_by_itself(
    crowded: Server, small_disk: Path, workspace: str
) -> None:
    ingest, read = crowded.token("ingest", workspace), crowded.token("read", workspace)
    load = Load(crowded.url, ingest)
    load.start()
    load.wait_for_acknowledged(5)
    filler = fill(small_disk, leaving=80 * 2**20)

    wait_until(lambda: crowded.get("/readyz")[1]["status"] == "intake_stopped", what="intake stopped")
    status, problem = crowded.call("POST", "/v1/traces", token=ingest, body=one_body(), headers=PROTOBUF)
    assert (status, problem["code"]) == (503, "intake_stopped")
    assert re.search(r"disk \d+ % full \(free [\d.]+ MB, limit [\d.]+ MB\)", problem["detail"])
    ready_status, readiness = crowded.get("/readyz")
    assert (ready_status, readiness["intake"]) == (200, "stopped")
    assert readiness["checks"]["disk"].startswith("Intake stopped: disk ")
    assert "Intake stopped: disk " in page(crowded, "/")
    doctor = crowded.cli("doctor").stdout
    assert re.search(r"FAIL\s+disk: Intake stopped: disk .*\n\s+Free some space", doctor)
    metrics = crowded.cli("status", "--metrics").stdout
    assert "\ntidegate_intake_stopped 1\n" in metrics
    assert '\ntidegate_process_restarts{process="edge"} 0\n' in metrics
    assert "Intake stopped: disk " in crowded.cli("status").stdout
    assert crowded.get("/metrics/auth", read)[0] == 200  # reading goes on

    filler.unlink()
    wait_until(lambda: crowded.get("/readyz")[1]["status"] == "ready", what="intake going on")
    load.wait_for_acknowledged(3)
    load.stop()
    wait_for_what_was_acknowledged(crowded, read, load)
    load.confirm_everything()
    wait_until(lambda: counted(crowded, read) == load.sent_spans, what=f"exactly {load.sent_spans}")


def test_on_a_full_disk_the_ballast_goes_and_comes_back(crowded: Server, small_disk: Path, workspace: str) -> None:
    ingest, read = crowded.token("ingest", workspace), crowded.token("read", workspace)
    ballast = crowded.data_dir / "ballast"
    wait_until(ballast.exists, what="the ballast")
    load = Load(crowded.url, ingest)
    load.start()
    load.wait_for_acknowledged(5)
    filler = fill(small_disk, leaving=0)
    wait_until(lambda: not ballast.exists(), what="the ballast released")
    time.sleep(1)  # whatever is under way meets the full disk
    filler.unlink()
    wait_until(lambda: crowded.get("/readyz")[1]["status"] == "ready", what="ready again")
    wait_until(ballast.exists, what="the ballast made again")
    load.wait_for_acknowledged(3)
    load.stop()
    wait_for_what_was_acknowledged(crowded, read, load)
    load.confirm_everything()
    wait_until(lambda: counted(crowded, read) == load.sent_spans, what=f"exactly {load.sent_spans}")


def test_a_machine_with_little_room_starts_and_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_DISK_MIN_FREE", "99.9%")
    server = Server(tmp_path)
    server.start()
    try:
        ingest = server.token("ingest")
        status, problem = server.call("POST", "/v1/traces", token=ingest, body=one_body(), headers=PROTOBUF)
        assert (status, problem["code"]) == (503, "intake_stopped")
        assert server.get("/readyz")[1]["status"] == "intake_stopped"
    finally:
        server.stop()


def test_a_limit_that_is_none_stops_the_start_with_words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDEGATE_DISK_MIN_FREE", "plenty")
    started = Server(tmp_path).cli("serve", "--port", "0", "--otlp-port", "0")
    assert started.returncode == 2
    assert "TIDEGATE_DISK_MIN_FREE" in started.stderr
