"""What changed between two decisions, on the wire."""

from typing import Self

from tidegate.edge.wire import WireModel
from tidegate.gates.model import ChangeKind, CheckChange, DecisionDiff
from tidegate.gates.schemas import DecisionCheckOut, DecisionOut

__all__ = ["CheckChangeOut", "DecisionDiffOut"]


class CheckChangeOut(WireModel):
    """One check that says or asks something else."""

    check: str
    title: str
    kinds: tuple[ChangeKind, ...]
    """The weightiest first."""
    sentence: str
    before: DecisionCheckOut | None
    """Null: it was not asked."""
    after: DecisionCheckOut | None

    @classmethod
    def of(cls, change: CheckChange) -> Self:
        return cls(
            check=change.check,
            title=change.title,
            kinds=change.kinds,
            sentence=change.sentence,
            before=DecisionCheckOut.of(change.before) if change.before else None,
            after=DecisionCheckOut.of(change.after) if change.after else None,
        )


class DecisionDiffOut(WireModel):
    sentence: str
    is_policy_changed: bool
    is_release_changed: bool
    before: DecisionOut
    after: DecisionOut
    changes: tuple[CheckChangeOut, ...]
    """Required checks first."""
    same_count: int
    """Checks that say and rest on the same."""

    @classmethod
    def of(cls, diff: DecisionDiff) -> Self:
        return cls(
            sentence=diff.sentence,
            is_policy_changed=diff.is_policy_changed,
            is_release_changed=diff.is_release_changed,
            before=DecisionOut.of(diff.before),
            after=DecisionOut.of(diff.after),
            changes=tuple(map(CheckChangeOut.of, diff.changes)),
            same_count=diff.same_count,
        )
