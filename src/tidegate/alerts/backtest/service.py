"""Trying rules over recorded history. Read-only: nothing is stored, and nobody is told."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final

from tidegate.alerts.backtest.errors import BacktestTooLargeError, BacktestUnknowableError
from tidegate.alerts.backtest.model.outcome import Backtest, Episode, Incident, Moved, Pages, RuleOutcome, Trial
from tidegate.alerts.backtest.model.scoring import score_of
from tidegate.alerts.backtest.model.ticks import Ticks
from tidegate.alerts.backtest.model.trial import Budget, Reading, changes_of_question, reading_of
from tidegate.alerts.backtest.model.windows import KNOWN_FOR
from tidegate.alerts.backtest.ports import PagingNow, RuleShelf
from tidegate.alerts.backtest.telling import pages_of
from tidegate.alerts.model import Alert, AlertKey, CauseKind, Change, NoData, Rule, Source
from tidegate.alerts.questions import Question, questions_of
from tidegate.alerts.rule_sets.reading import read_rule_file
from tidegate.kernel import Clock, TimeRange, WorkspaceId
from tidegate.signals import MAX_STEP_ROWS, Family, StepReader, StepRows

__all__ = ["MAX_CELLS", "MAX_CHANGES", "MAX_LENGTH", "BacktestService"]

MAX_LENGTH: Final = timedelta(days=30)
MAX_CELLS: Final = 3_000_000  # steps of subjects of one grouping: 24 MB a column
_MAX_JUDGED: Final = 40_000_000  # of all rules: 70 ns each
MAX_CHANGES: Final = 200_000  # 25 µs each
_ROUNDED: Final = timedelta(minutes=2)  # windows are widened to whole steps
_MAX_LOOKS: Final = 50_000  # 30 days of minutes


class BacktestService:
    """Answers what rules would have done."""

    def __init__(self, *, reader: StepReader, rules: RuleShelf, paging: PagingNow, clock: Clock) -> None:
        self._reader = reader
        self._rules = rules
        self._paging = paging
        self._clock = clock

    async def replay(self, workspace: WorkspaceId, trial: Trial) -> Backtest:
        """Judge the rules of a file at every step of a time that is over.

        Raises:
            RuleFileInvalidError: something in the file is wrong.
            InvalidInputError: the time is empty or lies ahead.
            BacktestTooLargeError: it would take too long; the bound is named.
        """
        if trial.with_replayed:
            others = BacktestService(
                reader=self._reader.with_replayed(), rules=self._rules, paging=self._paging, clock=self._clock
            )
            return await others.replay(workspace, replace(trial, with_replayed=False))
        read = await asyncio.to_thread(read_rule_file, trial.file)
        asked = [rule.code for rule in read.rules if rule.prom is not None]
        if asked:
            raise BacktestUnknowableError(asked)
        codes = {rule.code for rule in read.rules}
        rules = [replace(rule, workspace=workspace) for rule in read.rules]
        if trial.with_others:
            rules += [
                rule for rule in await self._rules.list_rules(workspace) if rule.code not in codes and rule.prom is None
            ]
        window, step_s, finest_s = await self._window(workspace, trial, rules)
        ticks = Ticks(window.start, step_s, int(window.length.total_seconds()) // step_s)
        changes = await self._changes(workspace, rules, ticks)
        routing = await self._paging.routing(workspace)
        silences = await self._paging.silences(workspace, ending_after=window.start)
        pages = await asyncio.to_thread(pages_of, changes, routing, silences, end=window.end)
        episodes = _episodes_of(changes)
        return Backtest(
            window=window,
            step_s=step_s,
            finest_s=finest_s,
            look_count=len(ticks.steps),
            rules=rules,
            widened=tuple(sorted(rule.code for rule in rules if rule.window.total_seconds() % step_s)),
            moves=tuple(Moved(change.alert.key, move) for change in changes for move in change.transitions),
            episodes=episodes,
            outcomes=_outcomes_of(rules, codes, episodes, pages, trial.incidents, window.end),
            pages=pages,
            score=score_of(episodes, trial.incidents, end=window.end) if trial.incidents else None,
        )

    async def _window(self, workspace: WorkspaceId, trial: Trial, rules: Sequence[Rule]) -> tuple[TimeRange, int, int]:
        """Return what is looked at in whole steps, how long they are, and how long they have to be."""
        wanted = TimeRange(trial.start, min(trial.end, self._clock.now().astimezone(UTC)))
        if wanted.length > MAX_LENGTH:
            raise BacktestTooLargeError(
                f"At most {MAX_LENGTH.days} days are tried at once: these are {wanted.length.days + 1}.", field="from"
            )
        lead = max((rule.window for rule in rules), default=timedelta()) + _ROUNDED
        lead += KNOWN_FOR if any(rule.no_data is NoData.ALERT for rule in rules) else timedelta()
        finest_s = await self._reader.finest_step_s(workspace, TimeRange(wanted.start - lead, wanted.end))
        step_s = trial.step_s or max(finest_s, 60)
        if step_s % finest_s:
            raise BacktestTooLargeError(
                f"This time was kept in steps of {finest_s} s: {step_s} s is no multiple of that.", field="step"
            )
        window = _within(wanted, step_s)
        looks = int(window.length.total_seconds()) // step_s
        if looks > _MAX_LOOKS:
            raise BacktestTooLargeError(
                f"{looks:,} steps are more than {_MAX_LOOKS:,}: take a shorter time or a longer step.", field="step"
            )
        return window, step_s, finest_s

    async def _changes(self, workspace: WorkspaceId, rules: Sequence[Rule], ticks: Ticks) -> list[Change]:
        """Return what moves, in order."""
        changes: list[Change] = []
        alike: defaultdict[tuple[Source, Sequence[str]], list[Question]] = defaultdict(list)
        for question in questions_of(rules):
            alike[question.source, question.dimensions].append(question)
        budget = Budget(_MAX_JUDGED, MAX_CELLS)
        for questions in alike.values():
            own = replace(ticks, is_prompt=questions[0].is_prompt)
            changes += await self._changes_of(workspace, questions, own, budget)
            if len(changes) > MAX_CHANGES:
                raise BacktestTooLargeError(
                    f"Alerts would move more than {MAX_CHANGES:,} times: take a shorter time or a longer step.",
                    field="from",
                )
        return sorted(changes, key=_order_of)

    async def _changes_of(
        self, workspace: WorkspaceId, questions: Sequence[Question], ticks: Ticks, budget: Budget
    ) -> list[Change]:
        """Return what moves under questions that differ in their windows alone: one statement reads the longest."""
        windows = [reading_of(question, ticks) for question in questions]
        window = min(windows, key=lambda one: one.start)
        rows = await self._read(workspace, questions, window, ticks.step_s)
        if rows.row_count > MAX_STEP_ROWS:
            raise BacktestTooLargeError(
                f"More than {MAX_STEP_ROWS:,} counts would be read: take a shorter time or a longer step.",
                field="step",
            )
        reading = Reading(rows)
        changes: list[Change] = []
        for question, own in zip(questions, windows, strict=True):
            skip = int((own.start - window.start).total_seconds()) // ticks.step_s
            changes += await asyncio.to_thread(changes_of_question, reading, question, ticks, skip=skip, budget=budget)
        return changes

    async def _read(
        self, workspace: WorkspaceId, questions: Sequence[Question], window: TimeRange, step_s: int
    ) -> StepRows:
        source, dimensions = questions[0].source, questions[0].dimensions
        if source is Source.TELEMETRY:
            return await self._reader.telemetry_steps(workspace, window, step_s=step_s)
        read = self._reader.timed_steps if source is Source.DURATIONS else self._reader.counted_steps
        families = frozenset[Family]().union(*(question.families for question in questions))
        return await read(workspace, families, window, dimensions, step_s=step_s)


def _within(wanted: TimeRange, step_s: int) -> TimeRange:
    """Return the whole steps within `wanted`, the one in which it begins included."""
    start, end = int(wanted.start.timestamp()), int(wanted.end.timestamp())
    start -= start % step_s
    end = max(end - end % step_s, start + step_s)
    return TimeRange(datetime.fromtimestamp(start, UTC), datetime.fromtimestamp(end, UTC))


def _order_of(change: Change) -> tuple[object, ...]:
    key = change.alert.key
    first = change.transitions[0]
    return (first.at, key.code, key.service, key.tenant is not None, key.tenant or "", key.labels, first.sequence)


def _episodes_of(changes: Sequence[Change]) -> tuple[Episode, ...]:
    """Return episodes by when they began."""
    found: defaultdict[tuple[AlertKey, datetime], list[Change]] = defaultdict(list)
    for change in changes:
        found[change.alert.key, change.alert.since].append(change)
    return tuple(
        Episode(parts[-1].alert, tuple(move for part in parts for move in part.transitions)) for parts in found.values()
    )


def _outcomes_of(  # noqa: PLR0917 - what a line tells
    rules: Sequence[Rule],
    codes: set[str],
    episodes: Sequence[Episode],
    pages: Pages,
    incidents: Sequence[Incident],
    end: datetime,
) -> tuple[RuleOutcome, ...]:
    by_code: defaultdict[str, list[Episode]] = defaultdict(list)
    for episode in episodes:
        by_code[episode.alert.code].append(episode)
    return tuple(
        RuleOutcome(
            code=rule.code,
            severity=rule.severity,
            is_of_file=rule.code in codes,
            episode_count=len(own := by_code[rule.code]),
            fired_count=sum(episode.has_fired for episode in own),
            flapping_count=sum(any(move.cause.kind is CauseKind.FLAPPING for move in episode.moves) for episode in own),
            firing_s=sum(_firing_s(episode.alert, end) for episode in own),
            page_count=pages.by_code.get(rule.code, 0),
            score=score_of(own, _of_code(incidents, rule.code), end=end) if incidents else None,
        )
        for rule in sorted(rules, key=lambda rule: rule.code)
    )


def _of_code(incidents: Sequence[Incident], code: str) -> list[Incident]:
    return [incident for incident in incidents if incident.code in {None, code}]


def _firing_s(alert: Alert, end: datetime) -> float:
    return ((alert.resolved_at or end) - alert.fired_at).total_seconds() if alert.fired_at is not None else 0.0
