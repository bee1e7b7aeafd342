"""Counting: raw spans become rollups, exactly, however and how often they arrive.

Contract. The touch ledger says which seconds of which workspace changed. One closing: read the touches, *then* the raw
spans; count the touched seconds whole, from spans deduplicated by identity; write the counts under a new version; write
which seconds have it; then, in one PostgreSQL transaction, raise the watermark and forget the touches. Readers take the
newest version at or below the watermark. A crash anywhere leaves the touches: the seconds are counted again, and what
was half written stays invisible. When two processes close at once, the one that finds the watermark moved publishes
nothing and begins again.

A run belongs to the second in which its topmost span ended, so a span that arrives touches the seconds of all agent and
inference spans of its trace as well.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import structlog

from tidegate.kernel import TidegateError, WorkspaceId
from tidegate.signals.ports import RawSpans, RollupWriter, TouchedSeconds, Touches
from tidegate.signals.runs import MAX_TRACE_SPANS, Run, TraceSpan, runs_of

_log = structlog.get_logger("tidegate.closer")

IDLE_RETRY_S = 1.0
_MAX_SECONDS_A_STATEMENT = 600  # the seconds are bound in the request's URL, which has 64 kB; the rest follows at once

_REST = 4.0
_LONGEST_REST_S = 0.6  # from crossing a bound to the alert: 1 s at the median

Second = tuple[WorkspaceId, int]


@dataclass(slots=True)
class RollupCloser:
    """Counts what was touched; `run` must be running in one process."""

    touches: Touches
    raw: RawSpans
    rollups: RollupWriter
    on_published: "asyncio.Event" = field(default_factory=asyncio.Event)
    """Set after each publication; the alert evaluator waits for it."""
    _wake: asyncio.Event = field(default_factory=asyncio.Event)
    _has_more: bool = False

    def wake(self) -> None:
        """Say that something was stored."""
        self._wake.set()

    async def run(self) -> None:
        """Close whatever is touched until cancelled. At start there may be touches of an earlier life."""
        while True:
            self._wake.clear()
            try:
                while await self._close_timed():
                    pass
            except TidegateError as error:
                _log.warning("closing waits", reason=error.message)
            except Exception:  # noqa: BLE001 - the top of a task that must go on; the traceback is logged
                _log.exception("closing failed")
            try:
                await asyncio.wait_for(self._wake.wait(), IDLE_RETRY_S)
            except TimeoutError:
                continue

    async def _close_timed(self) -> bool:
        """Close once, then rest: counting takes a fifth of the time at most, and a hot second is counted less often.

        What waits already is counted at once: figures of all workspaces wait for the last of it.
        """
        started = time.monotonic()
        found = await self.close_once()
        if found:
            self.on_published.set()
        if found and not self._has_more:
            await asyncio.sleep(min(_REST * (time.monotonic() - started), _LONGEST_REST_S))
        return found

    async def close_once(self) -> bool:
        """Count what is touched now and publish it; `False` when nothing was.

        Raises:
            UnavailableError: an engine does not answer; nothing was published.
        """
        touched = await self.touches.read(limit=_MAX_SECONDS_A_STATEMENT)
        self._has_more = not touched.is_all
        if not touched.seconds:
            await self.touches.caught_up(touched.read_at)
            return False
        version = await self.touches.next_version()
        seconds = _grouped(touched.seconds)
        run_seconds, runs = await self._count_runs(touched.seconds)
        await self.rollups.count_spans(seconds, version=version)
        await self.rollups.publish(runs, seconds, _grouped(run_seconds), version=version)
        await self.touches.publish(touched, version=version)
        return True

    async def _count_runs(self, touched: Collection[Second]) -> tuple[set[Second], list[Run]]:
        spans = await self.raw.traces_through(_grouped(touched))
        affected = set(touched) | {_second_of(span) for span in spans if span.role in {"agent", "inference"}}
        further = sorted(affected - set(touched))
        for start in range(0, len(further), _MAX_SECONDS_A_STATEMENT):
            chunk = further[start : start + _MAX_SECONDS_A_STATEMENT]
            spans = [*spans, *await self.raw.traces_through(_grouped(chunk))]
        return affected, [run for run in _runs_by_trace(spans) if _second_of(run.root) in affected]


def _second_of(span: TraceSpan) -> Second:
    return WorkspaceId(span.workspace), span.second


def _grouped(seconds: Iterable[Second]) -> Mapping[WorkspaceId, Sequence[int]]:
    grouped: defaultdict[WorkspaceId, set[int]] = defaultdict(set)
    for workspace, second in seconds:
        grouped[workspace].add(second)
    return {workspace: sorted(found) for workspace, found in grouped.items()}


def _runs_by_trace(spans: Iterable[TraceSpan]) -> Iterable[Run]:
    traces: defaultdict[tuple[str, str], dict[str, TraceSpan]] = defaultdict(dict)
    for span in spans:
        traces[span.workspace, span.trace_id][span.span_id] = span
    for trace in traces.values():
        runs = runs_of(list(trace.values()))
        # What was cut off is not known, and unknown is not good.
        yield from runs if len(trace) < MAX_TRACE_SPANS else map(_cut_off, runs)


def _cut_off(run: Run) -> Run:
    return replace(run, outcome="failed", error_code="trace_too_large")


__all__ = ["RollupCloser", "TouchedSeconds"]
