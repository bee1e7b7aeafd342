"""`tidegate doctor` over real folders, ports, locks and processes."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tidegate.app.doctor import Finding, Outcome, run_doctor
from tidegate.app.lock import DataDirectory
from tidegate.app.supervisor.state import boot_id
from tidegate.storage.processes import start_ticks


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    DataDirectory(tmp_path / "data").make()
    return tmp_path / "data"


@pytest.fixture
def port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


def diagnose(data_dir: Path, port: int) -> dict[str, Finding]:
    return {finding.name: finding for finding in run_doctor(data_dir, port=port, otlp_port=port)}


def test_a_new_folder_on_a_good_machine_has_no_finding_that_forbids_a_start(data_dir: Path, port: int) -> None:
    findings = diagnose(data_dir / "new", port)
    assert not [finding for name, finding in findings.items() if finding.outcome is Outcome.FAIL and name != "disk"]
    assert not [finding for finding in findings.values() if finding.outcome is Outcome.UNKNOWN]
    assert not (data_dir / "new").exists()


def test_every_finding_that_is_not_good_says_what_to_do(data_dir: Path, port: int) -> None:
    data_dir.chmod(0o755)
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres/PG_VERSION").write_text("9\n")
    with socket.create_server(("127.0.0.1", port)):
        findings = diagnose(data_dir, port).values()
    bad = [finding for finding in findings if finding.outcome is not Outcome.OK]
    assert len(bad) >= 4
    assert all(finding.fix for finding in bad)


def test_data_of_another_major_fail_with_the_way_to_move_them(data_dir: Path, port: int) -> None:
    (data_dir / "postgres").mkdir()
    (data_dir / "postgres/PG_VERSION").write_text("17\n")
    finding = diagnose(data_dir, port)["postgres version"]
    assert finding.outcome is Outcome.FAIL
    assert "dump and restore" in finding.sentence


def test_a_folder_open_to_others_is_found(data_dir: Path, port: int) -> None:
    data_dir.chmod(0o750)
    assert diagnose(data_dir, port)["data directory"].outcome is Outcome.WARN
    data_dir.chmod(0o710)
    assert diagnose(data_dir, port)["data directory"].outcome is Outcome.OK


def test_passwords_open_to_others_fail(data_dir: Path, port: int) -> None:
    (data_dir / "secrets").mkdir()
    (data_dir / "secrets/postgres.json").touch(mode=0o644)
    assert diagnose(data_dir, port)["secrets"].outcome is Outcome.FAIL


def test_a_taken_port_fails_unless_it_is_the_running_server_s(data_dir: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        assert diagnose(data_dir, port)["port"].outcome is Outcome.FAIL
        assert diagnose(data_dir, port)["otlp port"].outcome is Outcome.WARN
        with DataDirectory(data_dir).lock(url="http://127.0.0.1:1"):
            findings = diagnose(data_dir, port)
    assert findings["port"].outcome is Outcome.OK
    assert "serves at http://127.0.0.1:1" in findings["lock"].sentence


def test_a_process_that_outlived_its_server_is_found(data_dir: Path, port: int) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        child = {"name": "engine", "pid": process.pid, "startTicks": start_ticks(process.pid)}
        (data_dir / "run").mkdir()
        state = data_dir / "run/state.json"
        state.write_text(json.dumps({"boot": boot_id(), "pid": 1, "children": [child]}))
        found = diagnose(data_dir, port)["leftovers"]
        child["startTicks"] = 1
        state.write_text(json.dumps({"boot": boot_id(), "pid": 1, "children": [child]}))
        reused = diagnose(data_dir, port)["leftovers"]
        process.kill()
    assert found.outcome is Outcome.WARN
    assert str(process.pid) in found.sentence
    assert reused.outcome is Outcome.OK


def test_an_engine_without_a_server_is_found(data_dir: Path, port: int) -> None:
    telemetry = data_dir / "telemetry"
    telemetry.mkdir()
    words = ["tidegate.storage.engine", "--data-dir", str(telemetry)]
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", *words]) as process:
        finding = diagnose(data_dir, port)["engine lock"]
        process.kill()
    assert finding.outcome is Outcome.FAIL
    assert finding.fix == f"kill {process.pid}"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can look like another user")
def test_what_cannot_be_looked_at_is_unknown_and_never_good(data_dir: Path, port: int) -> None:
    (data_dir / "lock").touch(mode=0o600)
    (data_dir / "secrets").mkdir(mode=0o700)
    code = (
        "import os, sys; from pathlib import Path; from tidegate.app.doctor import run_doctor\n"
        "os.setgid(65534); os.setuid(65534)\n"
        f"print([f.name for f in run_doctor(Path({str(data_dir)!r}), port={port}) if f.outcome == 'unknown'])"
    )
    data_dir.parent.chmod(0o755)
    for folder in data_dir.parents:
        if folder.name.startswith("pytest-"):
            folder.chmod(0o755)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=False)
    assert "lock" in done.stdout, done.stderr


def test_killing_is_only_advised_never_done(data_dir: Path, port: int) -> None:
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as process:
        diagnose(data_dir, port)
        assert process.poll() is None
        process.send_signal(signal.SIGKILL)
