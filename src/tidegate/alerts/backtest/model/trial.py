"""Rules over what one statement found of a long time. Pure."""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from tidegate.alerts.backtest.errors import BacktestTooLargeError
from tidegate.alerts.backtest.model.replay import changes_in
from tidegate.alerts.backtest.model.ticks import Ticks
from tidegate.alerts.backtest.model.windows import KNOWN_FOR, Grouping, blocks_of
from tidegate.alerts.dimensions import column_of
from tidegate.alerts.model import Change, Filter
from tidegate.alerts.questions import Question, where_of
from tidegate.kernel import TimeRange
from tidegate.signals import Family, Stepped, StepRows

__all__ = ["Reading", "changes_of_question", "reading_of"]


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
    reading: Reading, question: Question, ticks: Ticks, *, skip: int = 0, max_cells: int
) -> list[Change]:
    """Return what moves under the rules of `question`, in no order across subjects.

    It may have been read from `skip` steps before what the question needs.

    Raises:
        BacktestTooLargeError: there are more than `max_cells` looks at subjects.
    """
    changes: list[Change] = []
    for (family, group_by, where), rules in question.rules.items():
        fields = {name for placed in rules for name in placed.rule.measure.fields}
        stepped = _from(reading.of(family, group_by, where, frozenset(fields)), skip)
        cells = len(stepped.place) * len(ticks.steps)
        if cells > max_cells:
            raise BacktestTooLargeError(
                f"{rules[0].rule.code} would be judged {cells:,} times ({len(stepped.place):,} subjects at "
                f"{len(ticks.steps):,} moments), and at most {max_cells:,} are: take a shorter time or a longer step.",
                field="step",
            )  # fmt: skip
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
