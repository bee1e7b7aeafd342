"""What changed between two decisions of a gate. Pure."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from tidegate.gates.model.verdicts import Decision, RecordedCheck


class ChangeKind(StrEnum):
    ADDED = "added"
    """The gate did not ask it before."""
    REMOVED = "removed"
    """The gate asks it no more."""
    OUTCOME = "outcome"
    EVIDENCE = "evidence"
    """The same outcome, by other evidence."""
    WAIVER = "waiver"
    """Let through by another waiver, or by none."""
    BOUND = "bound"
    REQUIRED = "required"
    FIGURES = "figures"
    """Nothing but the figures inside the bound."""


@dataclass(frozen=True, slots=True)
class CheckChange:
    """One check that says or asks something else."""

    check: str
    title: str
    kinds: tuple[ChangeKind, ...]
    """What changed, the weightiest first."""
    before: RecordedCheck | None
    after: RecordedCheck | None

    @property
    def sentence(self) -> str:
        if self.before is None or self.after is None:
            asked = self.after or self.before
            verb = "is asked since" if self.before is None else "is asked no more; it was"
            return f"{self.title} {verb}: {asked.outcome}." if asked else ""
        if ChangeKind.OUTCOME in self.kinds:
            return f"{self.title} went from {self.before.outcome} to {self.after.outcome}: {self.after.reason}"
        return f"{self.title} is still {self.after.outcome}, with another {self.kinds[0]}: {self.after.reason}"


@dataclass(frozen=True, slots=True)
class DecisionDiff:
    before: Decision
    after: Decision
    changes: tuple[CheckChange, ...]
    """Those that changed the verdict first: in the order of the gate, by the weight of the change."""
    same_count: int

    @property
    def is_policy_changed(self) -> bool:
        return self.before.policy_digest != self.after.policy_digest

    @property
    def is_release_changed(self) -> bool:
        return self.before.release_id != self.after.release_id

    @property
    def sentence(self) -> str:
        verdicts = (
            f"{self.before.verdict.word} became {self.after.verdict.word}"
            if self.before.verdict is not self.after.verdict
            else f"Still {self.after.verdict.word}"
        )
        count = len(self.changes)
        what = f"{count} {'check' if count == 1 else 'checks'} changed" if count else "no check changed"
        also = [
            word
            for word, is_changed in (
                ("another gate file", self.is_policy_changed),
                (f"another release ({self.after.release_name or 'none'})", self.is_release_changed),
            )
            if is_changed
        ]
        return f"{verdicts}: {'; '.join([what, *also])}."


def compare(before: Decision, after: Decision) -> DecisionDiff:
    """Return what is different in `after`."""
    old, new = ({check.check: check for check in decision.checks} for decision in (before, after))
    names = dict.fromkeys([*new, *old])
    found = [_change(old.get(name), new.get(name)) for name in names]
    changes = sorted((one for one in found if one is not None), key=_weight)
    return DecisionDiff(before, after, tuple(changes), len(names) - len(changes))


def _change(before: RecordedCheck | None, after: RecordedCheck | None) -> CheckChange | None:
    either = after or before
    assert either is not None  # noqa: S101 - every name is of one of both
    if before is None:
        kinds: tuple[ChangeKind, ...] = (ChangeKind.ADDED,)
    elif after is None:
        kinds = (ChangeKind.REMOVED,)
    else:
        kinds = tuple(_kinds(before, after))
    return CheckChange(either.check, either.title, kinds, before, after) if kinds else None


def _kinds(before: RecordedCheck, after: RecordedCheck) -> Iterator[ChangeKind]:
    if before.outcome is not after.outcome:
        yield ChangeKind.OUTCOME
    if before.is_required is not after.is_required:
        yield ChangeKind.REQUIRED
    if (before.waiver.digest if before.waiver else None) != (after.waiver.digest if after.waiver else None):
        yield ChangeKind.WAIVER
    if before.bound != after.bound:
        yield ChangeKind.BOUND
    if [ref.digest for ref in before.evidence] != [ref.digest for ref in after.evidence]:
        yield ChangeKind.EVIDENCE
    elif before.inputs_digest != after.inputs_digest:
        yield ChangeKind.FIGURES


_ORDER = tuple(ChangeKind)


def _weight(change: CheckChange) -> tuple[bool, int]:
    asked = change.after or change.before
    return not (asked and asked.is_required), _ORDER.index(change.kinds[0])
