"""What the driver decides before and around its steps."""

import fcntl
import json
import os
import socket
from pathlib import Path

import pytest
from examples.harbor.board import worst_of
from examples.harbor.children import StepError
from examples.harbor.commit import digest_of_sources
from examples.harbor.launch import choose_port
from examples.harbor.places import DEFAULT_DATA_DIR
from examples.harbor.record import (
    AlreadyRunningError,
    RunRecord,
    find_record,
    is_served,
    lock_directory,
    record_file,
    write_record,
)
from examples.harbor.run import harbor_command, prepare_directory
from examples.harbor.service.requests import accepted_id

RECORD = RunRecord(os.getpid(), "http://127.0.0.1:1", "http://127.0.0.1:2", "token", "c" * 40, "1-ccccccc")


def test_a_free_port_is_kept_and_a_busy_one_is_replaced() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        busy = int(taken.getsockname()[1])
        chosen = choose_port(busy)

    assert chosen != busy
    assert choose_port(chosen) == chosen


def test_a_data_directory_serves_one_run_at_a_time(tmp_path: Path) -> None:
    claim = prepare_directory(tmp_path / "data", is_fresh=False)
    write_record(tmp_path / "data", RECORD)

    with pytest.raises(AlreadyRunningError, match=f"process {os.getpid()}"):
        prepare_directory(tmp_path / "data", is_fresh=True)
    os.close(claim)
    os.close(prepare_directory(tmp_path / "data", is_fresh=False))


def test_only_its_owner_may_look_into_what_a_run_keeps(tmp_path: Path) -> None:
    os.close(prepare_directory(tmp_path / "new" / "data", is_fresh=False))
    write_record(tmp_path / "new" / "data", RECORD)

    kept = (tmp_path / "new" / "data", tmp_path / "new" / "data" / "harbor", record_file(tmp_path / "new" / "data"))
    assert [oct(path.stat().st_mode & 0o777) for path in kept] == ["0o700", "0o700", "0o600"]


def test_fresh_removes_what_a_run_made(tmp_path: Path) -> None:
    os.close(prepare_directory(tmp_path / "data", is_fresh=False))
    (tmp_path / "data" / "old").touch()

    os.close(prepare_directory(tmp_path / "data", is_fresh=True))

    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["harbor"]


def test_fresh_spares_a_directory_that_no_run_made(tmp_path: Path) -> None:
    (tmp_path / "letters").touch()

    with pytest.raises(StepError, match="no run of harbor has made it"):
        prepare_directory(tmp_path, is_fresh=True)
    assert (tmp_path / "letters").exists()


def test_fresh_spares_a_directory_that_a_server_uses(tmp_path: Path) -> None:
    os.close(lock_directory(tmp_path))
    (tmp_path / "lock").touch()
    descriptor = os.open(tmp_path / "lock", os.O_RDWR)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    with pytest.raises(StepError, match="a tidegate server uses it"):
        prepare_directory(tmp_path, is_fresh=True)
    os.close(descriptor)
    assert not is_served(tmp_path)


def test_a_record_is_found_while_its_process_lives(tmp_path: Path) -> None:
    os.close(lock_directory(tmp_path))
    assert find_record(tmp_path) is None
    write_record(tmp_path, RECORD)
    assert find_record(tmp_path) == RECORD


@pytest.mark.parametrize("content", ["", "[]", "{}", json.dumps({"pid": 1})])
def test_a_record_that_cannot_be_read_is_none(tmp_path: Path, content: str) -> None:
    os.close(lock_directory(tmp_path))
    record_file(tmp_path).write_text(content)

    assert find_record(tmp_path) is None


@pytest.mark.parametrize(
    ("verdicts", "board"),
    [
        pytest.param(["go", "go"], "go", id="all go"),
        pytest.param(["go", "hold"], "hold", id="one holds"),
        pytest.param(["hold", "no_go", "go"], "no_go", id="no-go beats hold"),
        pytest.param([], "hold", id="no gate, no consent"),
    ],
)
def test_the_board_is_as_good_as_its_worst_gate(verdicts: list[str], board: str) -> None:
    assert worst_of({str(number): verdict for number, verdict in enumerate(verdicts)}) == board


def test_the_printed_command_names_the_data_directory_only_when_it_is_another() -> None:
    assert harbor_command("fix", DEFAULT_DATA_DIR).endswith("-m examples.harbor fix")
    assert harbor_command("fix", Path("/srv/my data")).endswith("-m examples.harbor fix --data-dir '/srv/my data'")


def test_the_digest_changes_with_a_source_file(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("1")
    before = digest_of_sources(tmp_path)
    (tmp_path / "one.py").write_text("2")

    assert len(before) == 40
    assert digest_of_sources(tmp_path) != before


@pytest.mark.parametrize(
    ("sent", "accepted"),
    [("req-1", True), ("a" * 128, True), ("a" * 129, False), ("", False), ("a b", False), ("a\n", False), ("ä", False)],
)
def test_an_id_is_accepted_when_it_is_short_and_safe(sent: str, *, accepted: bool) -> None:
    assert (accepted_id(sent) == sent) is accepted
