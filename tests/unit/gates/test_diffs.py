"""What changed between two decisions."""

from dataclasses import replace

import pytest
from tests.unit.gates.fakes import NOW

from tidegate.gates.model import (
    ChangeKind,
    CheckOutcome,
    Decision,
    EvidenceRef,
    RecordedCheck,
    RecordedWaiver,
    Verdict,
    compare,
)
from tidegate.kernel import DecisionId, GateId, ReleaseId

CHECK = RecordedCheck(
    "walls", "Walls", "regression", "sre", True, CheckOutcome.PASSED, "412 of 412 passed.", None, "0 failed", NOW, None,
    (EvidenceRef("run-1", "/runs/1", "sha256:1"),), "sha256:a", None,
)  # fmt: skip
WAIVER = RecordedWaiver("wvr_1", CheckOutcome.FAILED, "ann", "known", "usr_ann", NOW, "sha256:w")


def decision(*checks: RecordedCheck, **changes: object) -> Decision:
    made = Decision(
        DecisionId("dec_1"), 1, GateId("g"), 1, "sha256:p", ReleaseId("rel_1"), "7", Verdict.GO, "GO: 7.", checks, (),
        NOW, "sha256:d",
    )  # fmt: skip
    return replace(made, **changes)  # type: ignore[arg-type]  # each test names fields that there are


@pytest.mark.parametrize(
    ("changed", "kinds"),
    [
        ({"outcome": CheckOutcome.FAILED, "inputs_digest": "sha256:b"}, [ChangeKind.OUTCOME, ChangeKind.FIGURES]),
        ({"evidence": ()}, [ChangeKind.EVIDENCE]),
        ({"waiver": WAIVER}, [ChangeKind.WAIVER]),
        ({"bound": "1 failed"}, [ChangeKind.BOUND]),
        ({"is_required": False}, [ChangeKind.REQUIRED]),
        ({"inputs_digest": "sha256:b"}, [ChangeKind.FIGURES]),
    ],
)
def test_a_change_is_named_the_weightiest_first(changed: dict[str, object], kinds: list[ChangeKind]) -> None:
    other = replace(CHECK, **changed)  # type: ignore[arg-type]  # the same
    (change,) = compare(decision(CHECK), decision(other)).changes
    assert list(change.kinds) == kinds
    assert change.sentence.startswith("Walls ")


def test_what_is_the_same_is_counted_and_what_a_file_adds_or_takes_away_is_said() -> None:
    added, removed = replace(CHECK, check="new", title="New"), replace(CHECK, check="old", title="Old")
    diff = compare(decision(CHECK, removed), decision(CHECK, added, policy_digest="sha256:q", verdict=Verdict.HOLD))
    assert diff.same_count == 1
    assert [change.sentence for change in diff.changes] == [
        "New is asked since: passed.",
        "Old is asked no more; it was: passed.",
    ]
    assert diff.sentence == "GO became HOLD: 2 checks changed; another gate file."


def test_nothing_changed_says_so() -> None:
    same = compare(decision(CHECK), decision(CHECK))
    assert (same.changes, same.sentence) == ((), "Still GO: no check changed.")
    other = compare(decision(CHECK), decision(CHECK, release_id=ReleaseId("rel_2"), release_name="8"))
    assert other.sentence == "Still GO: no check changed; another release (8)."
