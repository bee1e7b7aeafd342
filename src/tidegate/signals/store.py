"""Counting in the telemetry engine: reads raw rows, writes runs and counts under a version."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np

from tidegate.kernel import Clock, WorkspaceId
from tidegate.signals.apart import apart
from tidegate.signals.counting import Counts, causes_of
from tidegate.signals.kept import hours_of, hours_without_minutes
from tidegate.signals.ports import Ranges, Seconds
from tidegate.signals.recent import rows_in
from tidegate.signals.run_costs import COST_SOURCES, UNPRICED
from tidegate.signals.runs import OUTCOMES, Runs
from tidegate.signals.spans_read import rows_of
from tidegate.signals.statements import (
    NEIGHBOURS,
    STORED_SECONDS,
    bound_ranges,
    bound_seconds,
    logs_in,
    spans_in,
)
from tidegate.storage.native import Columns, Dictionaries, Encoded, Numbers, Words, hex_texts, write_native


class RowsEngine(Protocol):
    """The part of the telemetry engine that counting uses."""

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]: ...

    async def columns(
        self,
        workspaces: Collection[WorkspaceId],
        sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        dictionaries: Dictionaries | None = None,
        threads: int = 1,
    ) -> Columns: ...

    async def insert_native(
        self, workspaces: Collection[WorkspaceId], table: str, columns: Sequence[str], block: bytes, *, token: str
    ) -> None: ...

    async def insert_select(  # noqa: PLR0913, PLR0917 - a statement and its five parts
        self,
        workspaces: Collection[WorkspaceId],
        table: str,
        columns: Sequence[str],
        select_sql: str,
        parameters: Mapping[str, object] | None = None,
        *,
        token: str,
        threads: int | None = None,
    ) -> None: ...


class EngineCounts:
    """Counts under a version; nobody sees them before the watermark rises."""

    def __init__(self, engine: RowsEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock

    async def spans(self, seconds: Seconds, dictionaries: Dictionaries) -> Columns:
        sql, bound = spans_in(seconds)
        columns = await self._engine.columns(list(seconds), sql, bound, dictionaries=dictionaries)
        return _only_of(seconds, columns)

    async def neighbours(
        self, seconds: Seconds, ranges: Sequence[tuple[int, int]], dictionaries: Dictionaries
    ) -> Columns:
        parameters = {
            **bound_seconds(seconds),
            "read_starts": [start for start, _ in ranges],
            "read_ends": [end for _, end in ranges],
        }
        return await self._engine.columns(list(seconds), NEIGHBOURS, parameters, dictionaries=dictionaries)

    async def logs(self, seconds: Seconds) -> Columns:
        sql, bound = logs_in(seconds)
        return _only_of(seconds, await self._engine.columns(list(seconds), sql, bound))

    async def stored_seconds(self, ranges: Ranges) -> Seconds:
        """Return the seconds in `ranges`, which are whole blocks, in which something that is stored ended."""
        rows = await self._engine.select(list(ranges), STORED_SECONDS, bound_ranges(ranges))
        found: dict[WorkspaceId, list[int]] = {}
        for row in rows:
            found.setdefault(WorkspaceId(row["workspace"]), []).append(int(row["moment"]))
        return found

    async def hours_without_minutes(self, seconds: Seconds, *, watermark: int) -> dict[WorkspaceId, set[int]]:
        """Return the hours of `seconds` of which only the hour is left."""
        hours = hours_of(second for own in seconds.values() for second in own)
        return await hours_without_minutes(self._engine, list(seconds), hours, watermark=watermark)

    async def add_runs(self, runs: Runs, which: Numbers, seconds: Seconds, *, version: int) -> None:
        """Write `which` of `runs`, and that `seconds` have `version`."""
        names, block = await apart(_run_block, runs, which, seconds, version=version, written=self._now())
        await self._engine.insert_native(list(seconds), "ai_runs", names, block, token=f"runs-{version}")

    async def add_counts(self, counts: Counts, workspaces: Collection[WorkspaceId], *, version: int) -> None:
        """Write counts in one insert, which is one part: whole or not there."""
        columns = counts.columns(
            resolution=("UInt16", 1), version=("UInt64", version), written=("DateTime('UTC')", self._now())
        )
        names = [name for name, _, _ in columns]
        block = write_native(columns)
        await self._engine.insert_native(list(workspaces), "counts", names, block, token=f"counts-{version}")

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def _only_of(seconds: Seconds, columns: Columns) -> Columns:
    """Return the rows that ended in `seconds`: with several workspaces some of other seconds were read too."""
    return columns if len(seconds) == 1 else rows_of(columns, np.flatnonzero(rows_in(columns, seconds)))


_OWN_WORDS: Final = (
    "workspace", "name", "operation", "service", "environment", "release", "agent_name",
)  # fmt: skip
_BELOW_WORDS: Final = ("tenant", "model", "prompt_version", "conversation_id", "finish_reason")
_PLAIN: Final = frozenset({"tenant", "conversation_id"})
_SUM_TYPES: Final = {
    "input_tokens": "UInt64", "output_tokens": "UInt64", "cached_input_tokens": "UInt64",
    "cache_write_tokens": "UInt64", "reasoning_tokens": "UInt64", "is_cache_exclusive": "UInt8",
    "cost_nano_usd": "Int64", "ttfc_ns": "UInt64", "span_count": "UInt32",
}  # fmt: skip
_ROOT_TYPES: Final = {
    "start_ns": "UInt64", "end_ns": "UInt64", "weight_milli": "UInt32", "is_sampled": "UInt8", "replayed": "UInt8",
}  # fmt: skip

_Column = tuple[str, str, Numbers | Words | Encoded]


def _run_block(runs: Runs, which: Numbers, seconds: Seconds, *, version: int, written: int) -> tuple[list[str], bytes]:
    columns = _run_columns(runs, which, seconds, version=version, written=written)
    return [name for name, _, _ in columns], write_native(columns)


def _run_columns(runs: Runs, which: Numbers, seconds: Seconds, *, version: int, written: int) -> list[_Column]:
    """Return the rows of runs, and after them one row a second that says it was counted."""
    markers = [(workspace, moment) for workspace, found in seconds.items() for moment in found]
    count = len(which) + len(markers)
    spans, root = runs.spans, runs.root[which]
    columns: list[_Column] = []
    for name in (*_OWN_WORDS, *_BELOW_WORDS, "provider"):
        rows = root if name in _OWN_WORDS else runs.words_of["model" if name == "provider" else name][which]
        found = spans.columns.words[name]
        codes = found.codes[spans.rows[rows]]
        kind = "String" if name in _PLAIN else "LowCardinality(String)"
        told = [workspace for workspace, _ in markers] if name == "workspace" else [""] * len(markers)
        columns.append((name, kind, _with(found.words, codes, told)))
    for name, kind in _ROOT_TYPES.items():
        columns.append((name, kind, _padded(spans.number(name, root), count)))
    for name, kind in _SUM_TYPES.items():
        columns.append((name, kind, _padded(runs.sums[name][which], count)))
    second = np.r_[spans.number("second", root), np.array([moment for _, moment in markers], np.int64)]
    causes = causes_of(runs)
    versions = [runs.price_version[place] for place in which.tolist()]
    is_missing = (spans.number("parent", root) != 0) & (spans.parent[root] == len(spans))
    columns += [
        ("second", "DateTime('UTC')", second),
        ("trace_id", "String", _ids([spans.number(name, root) for name in ("trace_hi", "trace_lo")], len(markers))),
        ("span_id", "String", _ids([spans.span[root]], len(markers))),
        ("version", "UInt64", np.full(count, version)),
        ("written", "DateTime('UTC')", np.full(count, written)),
        ("is_parent_missing", "UInt8", _padded(is_missing, count)),
        ("is_priced", "UInt8", _padded(runs.cost_source[which] != UNPRICED, count)),
        ("outcome", "LowCardinality(String)", _with(OUTCOMES, runs.outcome[which], [""] * len(markers))),
        ("cost_source", "LowCardinality(String)", _with(COST_SOURCES, runs.cost_source[which], [""] * len(markers))),
        ("error_code", "LowCardinality(String)", _with(causes.words, causes.codes[which], [""] * len(markers))),
        ("price_version", "LowCardinality(String)", _coded(versions, len(markers))),
    ]
    return columns


def _padded(column: Numbers, count: int) -> Numbers:
    found: Numbers = np.r_[column, np.zeros(count - len(column), column.dtype)]
    return found


def _with(words: Sequence[str], codes: Numbers, more: Sequence[str]) -> Words:
    known = list(words)
    places = {word: place for place, word in enumerate(known)}
    added = []
    for word in more:
        if word not in places:
            places[word] = len(known)
            known.append(word)
        added.append(places[word])
    return Words(known, np.r_[codes, np.array(added, np.int64)])


def _coded(texts: Sequence[str], blank_count: int) -> Words:
    places: dict[str, int] = {"": 0}
    codes = [places.setdefault(text, len(places)) for text in texts]
    return Words(list(places), np.array([*codes, *[0] * blank_count], np.int64))


def _ids(halves: Sequence[Numbers], blank_count: int) -> Encoded:
    """Return ids as texts, and as many blanks."""
    count = len(halves[0])
    ids = np.zeros((count + blank_count, len(halves)), ">u8")
    for place, half in enumerate(halves):
        ids[:count, place] = half
    is_blank = np.zeros(len(ids), bool)
    is_blank[count:] = True
    return hex_texts(ids.view(np.uint8), blank=is_blank)
