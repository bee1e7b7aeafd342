"""Counting in the telemetry engine: reads raw rows, writes runs and counts under a version."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np

from tidegate.kernel import Clock, WorkspaceId
from tidegate.signals.ports import Ranges, Seconds
from tidegate.signals.run_costs import COST_SOURCES, UNPRICED
from tidegate.signals.runs import OUTCOMES, TOO_LARGE, Runs
from tidegate.signals.spans import LINK_SLACK_S, MAX_SPAN_S
from tidegate.signals.statements import (
    COUNT,
    COUNT_COLUMNS,
    STORED_SECONDS,
    TRACES,
    bound_ranges,
    bound_seconds,
    read_ranges,
)
from tidegate.storage.native import Columns, Numbers, Words, write_native


class RowsEngine(Protocol):
    """The part of the telemetry engine that counting uses."""

    async def select(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
    ) -> list[dict[str, Any]]: ...

    async def columns(
        self, workspaces: Collection[WorkspaceId], sql: str, parameters: Mapping[str, object] | None = None
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

    async def traces_through(self, seconds: Seconds, *, before_s: int) -> Columns:
        """Return the believable spans of all traces with GenAI spans that go through `seconds`.

        Those that ended at most `before_s` before one of them, and as long after it as a part of it can.
        """
        moments = sorted({moment for found in seconds.values() for moment in found})
        ranges = read_ranges(moments, before_s=before_s, after_s=MAX_SPAN_S + LINK_SLACK_S)
        parameters = {
            **bound_seconds(seconds),
            "read_starts": [start for start, _ in ranges],
            "read_ends": [end for _, end in ranges],
        }
        return await self._engine.columns(list(seconds), TRACES, parameters)

    async def stored_seconds(self, ranges: Ranges) -> Seconds:
        """Return the seconds in `ranges`, which are whole blocks, in which something that is stored ended."""
        rows = await self._engine.select(list(ranges), STORED_SECONDS, bound_ranges(ranges))
        found: dict[WorkspaceId, list[int]] = {}
        for row in rows:
            found.setdefault(WorkspaceId(row["workspace"]), []).append(int(row["moment"]))
        return found

    async def add_runs(self, runs: Runs, which: Numbers, seconds: Seconds, *, version: int) -> None:
        """Write `which` of `runs`, and that `seconds` have `version`."""
        columns = _run_columns(runs, which, seconds, version=version, written=self._now())
        names = [name for name, _, _ in columns]
        block = write_native(columns)
        await self._engine.insert_native(list(seconds), "ai_runs", names, block, token=f"runs-{version}")

    async def count(self, seconds: Seconds, run_seconds: Seconds, *, version: int) -> None:
        """Count every family in `seconds`, and the runs of `version` in `run_seconds`; one insert, one part."""
        moments = [moment for found in run_seconds.values() for moment in found]
        parameters = {
            **bound_seconds(seconds),
            **bound_seconds(run_seconds, "run_"),
            "version": version,
            "written": self._now(),
            "run_start": min(moments, default=0),
            "run_end": max(moments, default=0),
        }
        await self._engine.insert_select(
            sorted({*seconds, *run_seconds}),
            "counts",
            COUNT_COLUMNS,
            COUNT,
            parameters,
            token=f"counts-{version}",
            threads=1,
        )

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


_OWN_WORDS: Final = (
    "workspace", "trace_id", "name", "operation", "service", "environment", "release", "agent_name",
)  # fmt: skip
_BELOW_WORDS: Final = ("tenant", "model", "prompt_version", "conversation_id", "finish_reason")
_PLAIN: Final = frozenset({"trace_id", "tenant", "conversation_id"})
_SUM_TYPES: Final = {
    "input_tokens": "UInt64", "output_tokens": "UInt64", "cached_input_tokens": "UInt64",
    "cache_write_tokens": "UInt64", "reasoning_tokens": "UInt64", "is_cache_exclusive": "UInt8",
    "cost_nano_usd": "Int64", "ttfc_ns": "UInt64", "span_count": "UInt32",
}  # fmt: skip
_ROOT_TYPES: Final = {
    "start_ns": "UInt64", "end_ns": "UInt64", "weight_milli": "UInt32", "is_sampled": "UInt8", "replayed": "UInt8",
}  # fmt: skip

_Column = tuple[str, str, Numbers | Words]


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
        columns.append((name, kind, _padded(spans.number(name)[root], count)))
    for name, kind in _SUM_TYPES.items():
        columns.append((name, kind, _padded(runs.sums[name][which], count)))
    second = np.r_[spans.number("second")[root], np.array([moment for _, moment in markers], np.int64)]
    is_missing = (spans.number("parent")[root] != 0) & (spans.parent[root] == len(spans))
    columns += [
        ("second", "DateTime('UTC')", second),
        ("span_id", "String", _span_ids(spans.span[root], len(markers))),
        ("version", "UInt64", np.full(count, version)),
        ("written", "DateTime('UTC')", np.full(count, written)),
        ("is_parent_missing", "UInt8", _padded(is_missing, count)),
        ("is_priced", "UInt8", _padded(runs.cost_source[which] != UNPRICED, count)),
        ("outcome", "LowCardinality(String)", _with(OUTCOMES, runs.outcome[which], [""] * len(markers))),
        ("cost_source", "LowCardinality(String)", _with(COST_SOURCES, runs.cost_source[which], [""] * len(markers))),
        ("error_code", "LowCardinality(String)", _causes(runs, which, len(markers))),
        ("price_version", "LowCardinality(String)", _coded([runs.price_version[i] for i in which], len(markers))),
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


def _causes(runs: Runs, which: Numbers, blank_count: int) -> Words:
    found = runs.spans.columns.words["error_type"]
    words = [*found.words, "", TOO_LARGE]
    cause = runs.cause[which]
    codes = np.full(len(which), len(words) - 2, np.int64)
    codes[cause >= 0] = found.codes[runs.spans.rows[cause[cause >= 0]]]
    codes[runs.is_cut_off[which]] = len(words) - 1
    return Words(words, np.r_[codes, np.full(blank_count, len(words) - 2, np.int64)])


def _span_ids(spans: Numbers, blank_count: int) -> Words:
    texts = [f"{span:016x}" for span in spans.tolist()]
    return Words([*texts, ""], np.r_[np.arange(len(texts)), np.full(blank_count, len(texts), np.int64)])
