"""Fault switches: a file that is replaced as a whole and read again when it was."""

from pathlib import Path

import pytest
from examples.harbor.faults import NONE_ON, Fault, FaultFileError, FaultSwitches, read_faults, write_faults


def test_a_running_service_sees_a_switch_turn_and_turn_back(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "faults.json"
    switches = FaultSwitches(path)
    seen = [switches.is_on(Fault.AUTHORIZATION_HOLE)]
    for state in (True, False):
        write_faults(path, {Fault.AUTHORIZATION_HOLE: state})
        seen.append(switches.is_on(Fault.AUTHORIZATION_HOLE))

    assert seen == [False, True, False]
    assert [entry.name for entry in path.parent.iterdir()] == ["faults.json"]


def test_a_file_that_is_taken_away_switches_everything_off(tmp_path: Path) -> None:
    path = tmp_path / "faults.json"
    write_faults(path, {Fault.FAILING_SIGN_INS: True})
    switches = FaultSwitches(path)
    assert switches.is_on(Fault.FAILING_SIGN_INS)

    path.unlink()

    assert not switches.is_on(Fault.FAILING_SIGN_INS)


@pytest.mark.parametrize("content", ["{", "[]", '{"no-such-fault": true}', '{"failing-sign-ins": "on"}'])
def test_a_file_that_cannot_be_understood_changes_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "faults.json"
    write_faults(path, {Fault.FAILING_SIGN_INS: True})
    switches = FaultSwitches(path)
    before = switches.is_on(Fault.FAILING_SIGN_INS)

    path.write_text(content)

    assert before
    assert switches.is_on(Fault.FAILING_SIGN_INS)
    with pytest.raises(FaultFileError):
        read_faults(path)


def test_no_file_means_no_fault(tmp_path: Path) -> None:
    assert read_faults(tmp_path / "none.json") == NONE_ON
