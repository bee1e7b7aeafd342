"""What rules ask of signals: the window of now, and for rules about silence who was there before."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from tidegate.alerts.crossings import Batch, Subjects
from tidegate.alerts.dimensions import column_of
from tidegate.alerts.model import Filter, Source, window_at
from tidegate.alerts.questions import Question, where_of
from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.signals import Family, SubjectReader, SubjectRows

__all__ = ["KNOWN_FOR", "Answer", "KnownSubjects", "answer_of", "batches_in"]

KNOWN_FOR: Final = timedelta(hours=1)
"""Who sent within this time before the window of a rule is missed when it falls silent."""
_ASK_AGAIN: Final = timedelta(seconds=30)  # half of the shortest window in which silence means anything
_MAX_STATEMENTS: Final = 32  # find the one workspace of 10,000 that cannot be read: two for each halving


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question brought."""

    parts: Sequence[SubjectRows]
    known: Sequence[SubjectRows] = ()
    """Who was there before, for rules about silence."""
    unread: Mapping[WorkspaceId, Exception] = field(default_factory=dict)
    """Of whom nothing is known, and why."""


async def answer_of(
    question: Question, workspaces: Sequence[WorkspaceId], now: datetime, *, reader: SubjectReader,
    known: "KnownSubjects",
) -> Answer:  # fmt: skip
    """Return what was counted of the window that ends now.

    What cannot be read of all is read of halves, so that one workspace keeps no other from an answer. A question that
    is asked with every evaluation concerns everybody, and is read or not.
    """
    asked = question.asks_of(workspaces)
    try:
        parts = await _read(reader, question, asked, window_at(now, question.window))
        return Answer(parts, await known.of(question, asked, now) if question.watches_silence else ())
    except Exception as error:
        if question.is_prompt:
            raise
        return await _in_halves(reader, question, asked, now=now, error=error)


async def _in_halves(
    reader: SubjectReader, question: Question, asked: Sequence[WorkspaceId], *, now: datetime, error: Exception
) -> Answer:
    window = window_at(now, question.window)
    before = TimeRange(window.start - KNOWN_FOR, window.start)
    parts: list[SubjectRows] = []
    known: list[SubjectRows] = []
    unread: dict[WorkspaceId, Exception] = {}
    waiting = [(asked, error)]
    statements = 0
    while waiting:
        failed, reason = waiting.pop()
        if len(failed) == 1 or statements + 2 > _MAX_STATEMENTS:
            unread |= dict.fromkeys(failed, reason)
            continue
        statements += 2
        for half in (failed[: len(failed) // 2], failed[len(failed) // 2 :]):
            try:
                found = await _read(reader, question, half, window)
                were = await _read(reader, question, half, before) if question.watches_silence else ()
            except Exception as one:  # noqa: BLE001 - told of those who stay unread
                waiting.append((half, one))
                continue
            parts += found
            known += were
    return Answer(parts, known, unread)


async def _read(
    reader: SubjectReader, question: Question, asked: Sequence[WorkspaceId], window: TimeRange
) -> Sequence[SubjectRows]:
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

    async def of(self, question: Question, asked: Sequence[WorkspaceId], now: datetime) -> Sequence[SubjectRows]:
        """Return what came in the hour before the window of now."""
        known = self._found.get(question)
        if known is not None and abs(now - known[0]) < _ASK_AGAIN:
            return known[1]
        end = window_at(now, question.window).start
        found = await _read(self._reader, question, asked, TimeRange(end - KNOWN_FOR, end))
        self._found[question] = now, found
        return found

    def forget(self) -> None:
        self._found.clear()
