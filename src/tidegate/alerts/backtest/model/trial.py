"""Rules over what one statement found of a long time. Pure."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tidegate.alerts.backtest.errors import BacktestTooLargeError
from tidegate.alerts.backtest.model.replay import changes_in
from tidegate.alerts.backtest.model.ticks import Ticks
from tidegate.alerts.backtest.model.windows import KNOWN_FOR, Grouping, blocks_of, buckets_of
from tidegate.alerts.dimensions import column_of
from tidegate.alerts.model import Change, Filter
from tidegate.alerts.questions import Question, where_of
from tidegate.kernel import TimeRange
from tidegate.signals import Family, Stepped, StepRows

__all__ = ["Budget", "Reading", "changes_of_question", "reading_of"]


@dataclass(slots=True)
class Budget:
    """How much one answer may take, in steps of subjects: those that windows reach back to included."""

    left: int
    """For all rules together; each rule takes as much again."""
    most: int
    """Of one grouping: all of it is in memory where one service has it all."""

    def take(self, code: str, subjects: int, steps: int, *, rule_count: int, bucket_count: int) -> None:
        """Take what rules of one grouping need.

        Raises:
            BacktestTooLargeError: there is not so much left.
        """
        cells = subjects * steps
        self.left -= cells * (rule_count + bucket_count // 5)
        if cells > self.most or self.left < 0:
            raise BacktestTooLargeError(
                f"{code} reads {subjects:,} subjects over {steps:,} steps: at most {self.most:,} of both together are "
                f"tried, and not so many for many rules. Take a shorter time, a longer step, or fewer rules.",
                field="step",
            )


@dataclass(frozen=True, slots=True)
class Reading:
    """What one statement found, put together once for each grouping."""

    rows: StepRows
    known: dict[Hashable, Stepped] = field(default_factory=dict)

    def of(
        self, family: Family, group_by: tuple[str, ...], where: tuple[Filter, ...], fields: frozenset[str]
    ) -> Stepped:
        key = family, group_by, where, fields
        if key not in self.known:
            columns = [column_of(family, name) for name in group_by]
            self.known[key] = self.rows.of(family, columns, where_of(family, where), fields)
        return self.known[key]


def reading_of(question: Question, ticks: Ticks) -> TimeRange:
    """Return what has to be read to answer `question` at every look."""
    return ticks.reading(question.window, KNOWN_FOR if question.watches_silence else timedelta())


def changes_of_question(
    reading: Reading, question: Question, ticks: Ticks, *, skip: int = 0, budget: Budget
) -> list[Change]:
    """Return what moves under the rules of `question`, in no order across subjects.

    It may have been read from `skip` steps before what the question needs.

    Raises:
        BacktestTooLargeError: it would take more than is left of `budget`.
    """
    steps = int(reading_of(question, ticks).length.total_seconds()) // ticks.step_s
    changes: list[Change] = []
    for (family, group_by, where), rules in question.rules.items():
        fields = {name for placed in rules for name in placed.rule.measure.fields}
        stepped = _from(reading.of(family, group_by, where, frozenset(fields)), skip)
        subjects = len(stepped.place)
        budget.take(rules[0].rule.code, subjects, steps, rule_count=len(rules), bucket_count=buckets_of(stepped))
        grouping = Grouping(group_by, where, question.source, question.window, question.watches_silence)
        for block in blocks_of(stepped, grouping, ticks):
            for placed in rules:
                changes += changes_in(block, placed, ticks)
    return changes


def _from(stepped: Stepped, skip: int) -> Stepped:
    """Return what was counted after the first `skip` steps."""
    if not skip:
        return stepped
    is_kept = stepped.step >= skip
    return replace(
        stepped,
        subject=stepped.subject[is_kept],
        step=stepped.step[is_kept] - skip,
        sums={name: values[is_kept] for name, values in stepped.sums.items()},
        bucket=None if stepped.bucket is None else stepped.bucket[is_kept],
    )
