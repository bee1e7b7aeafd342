"""What rules ask of signals: the window of now, and for rules about silence who was there before."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.crossings import Batch, Subjects
from tidegate.alerts.dimensions import column_of
from tidegate.alerts.model import Filter, Source, window_at
from tidegate.alerts.questions import Question, where_of
from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Family, SubjectReader, SubjectRows

__all__ = ["KNOWN_FOR", "KnownSubjects", "batches_in", "read_question"]

KNOWN_FOR: Final = timedelta(hours=1)
"""Who sent within this time before the window of a rule is missed when it falls silent."""
_ASK_AGAIN: Final = timedelta(seconds=30)  # half of the shortest window in which silence means anything


async def read_question(
    reader: SubjectReader, question: Question, workspaces: Sequence[WorkspaceId], now: datetime
) -> Sequence[SubjectRows]:
    """Return what was counted of the window that ends now."""
    return await _read(reader, question, workspaces, window_at(now, question.window))


async def _read(
    reader: SubjectReader, question: Question, workspaces: Sequence[WorkspaceId], window: TimeRange
) -> Sequence[SubjectRows]:
    asked = question.asks_of(workspaces)
    if not asked:
        return []
    if question.source is Source.TELEMETRY:
        return await reader.telemetry_rows(asked, window)
    read = reader.timed_rows if question.source is Source.DURATIONS else reader.counted_rows
    return await read(asked, question.families, window, question.dimensions)


def batches_in(
    parts: Sequence[SubjectRows],
    question: Question,
    of: tuple[Family, tuple[str, ...], tuple[Filter, ...]],
    subjects: Subjects,
) -> list[Batch]:
    """Return the subjects of one family, grouping and filter in what a statement found."""
    family, group_by, where = of
    columns = [column_of(family, name) for name in group_by]
    fields = {name for placed in question.rules[of] for name in placed.rule.measure.fields}
    found = [part.of(family, columns, where_of(family, where), fields) for part in parts]
    return [
        Batch.of(each, subjects, group_by=group_by, where=where, source=question.source) for each in found if len(each)
    ]


class KnownSubjects:
    """Who was there within the last hour, asked anew every half minute."""

    def __init__(self, reader: SubjectReader) -> None:
        self._reader = reader
        self._found: dict[Question, tuple[datetime, Sequence[SubjectRows]]] = {}

    async def of(self, question: Question, workspaces: Sequence[WorkspaceId], now: datetime) -> Sequence[SubjectRows]:
        """Return what came in the hour before the window of now."""
        known = self._found.get(question)
        if known is not None and abs(now - known[0]) < _ASK_AGAIN:
            return known[1]
        end = window_at(now, question.window).start
        found = await _read(self._reader, question, workspaces, TimeRange(end - KNOWN_FOR, end))
        self._found[question] = now, found
        return found

    def forget(self) -> None:
        self._found.clear()
