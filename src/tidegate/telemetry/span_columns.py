"""Spans on their way into `raw_spans`, column by column."""

from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import numpy as np

from tidegate.kernel import WorkspaceId
from tidegate.storage.native import Words
from tidegate.telemetry.meaning import GenAi, Usage
from tidegate.telemetry.model import LAST_SECOND, NANO
from tidegate.telemetry.span_events import SpanEvent
from tidegate.telemetry.span_table import Array

OWN_TEXTS: Final = ("tenant", "request_id", "correlation_id", "client_address", "conversation_id")
"""What differs from span to span, and is read for each by itself."""
TEXTS: Final = ("name", "status_message", "trace_state", *OWN_TEXTS)
NUMBERS: Final = (
    "start_ns", "end_ns", "kind", "status", "flags", "weight_milli", "is_sampled", "distrusted", "ttfc_ns",
    *Usage._fields, "cost_nano_usd", "has_cost",
)  # fmt: skip
Kept = TypeVar("Kept")


class Meaning(NamedTuple):
    """What spans that are alike say."""

    event: SpanEvent
    gen_ai: GenAi
    error_type: str
    is_sampled: bool


class Place(NamedTuple):
    """Where spans come from, the same for all of one resource and scope."""

    resource: bytes
    service: str
    environment: str
    release: str
    tenant: str
    scope: str
    replayed: int
    is_sampled: int


class Shared(NamedTuple):
    """Values that many rows share: `values[codes[row]]`; one value may stand there twice."""

    values: Sequence[Any]
    codes: Array


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SpanColumns:
    """Spans, column by column; all columns are equally long."""

    received_ns: Array
    places: Shared
    """Of `Place`."""
    meanings: Shared
    """Of `Meaning`."""
    trace_ids: Array
    """Sixteen bytes each."""
    span_ids: Array
    parent_span_ids: Array
    """Eight bytes each; zeros where there is none."""
    texts: Mapping[str, Words]
    """By the names of `TEXTS`."""
    numbers: Mapping[str, Array]
    """By the names of `NUMBERS`."""
    spans: Sequence[bytes]
    """What is stored of each message."""

    def __len__(self) -> int:
        return len(self.spans)

    def at(self, rows: Array) -> "SpanColumns":
        """Return some of the spans; what they share stays shared."""
        return SpanColumns(
            received_ns=self.received_ns[rows],
            places=self.places._replace(codes=self.places.codes[rows]),
            meanings=self.meanings._replace(codes=self.meanings.codes[rows]),
            trace_ids=self.trace_ids[rows],
            span_ids=self.span_ids[rows],
            parent_span_ids=self.parent_span_ids[rows],
            texts={name: Words(words.words, words.codes[rows]) for name, words in self.texts.items()},
            numbers={name: column[rows] for name, column in self.numbers.items()},
            spans=[self.spans[row] for row in rows.tolist()],
        )


class Extent(NamedTuple):
    """Rows of `columns` from `start` on, before `stop`: bodies that came together were read together."""

    columns: SpanColumns
    start: int
    stop: int


@dataclass(frozen=True, slots=True)
class BodySpans:
    """The spans of one body."""

    extents: Sequence[Extent]

    def __len__(self) -> int:
        return sum(stop - start for _, start, stop in self.extents)

    def seconds(self) -> dict[int, int]:
        """Return the Unix seconds in which they ended, each with how many did."""
        ends = np.concatenate([columns.numbers["end_ns"][start:stop] for columns, start, stop in self.extents])
        found, counts = np.unique(np.minimum(ends // NANO, LAST_SECOND), return_counts=True)
        return dict(zip(found.tolist(), counts.tolist(), strict=True))


def gathered(bodies: Sequence[tuple[WorkspaceId, BodySpans]]) -> tuple[SpanColumns, Words]:
    """Return the spans of all bodies, and whose each is; those that were read together stand together."""
    found: dict[int, tuple[SpanColumns, list[tuple[str, int, int]]]] = {}
    for workspace, body in bodies:
        for columns, start, stop in body.extents:
            found.setdefault(id(columns), (columns, []))[1].append((str(workspace), start, stop))
    parts, owners, sizes = [], [], []
    for columns, extents in found.values():
        rows = np.concatenate([np.arange(start, stop) for _, start, stop in extents])
        parts.append(columns if np.array_equal(rows, np.arange(len(columns))) else columns.at(rows))
        owners += [owner for owner, _, _ in extents]
        sizes += [stop - start for _, start, stop in extents]
    return joined(parts), Words(owners, np.repeat(np.arange(len(owners)), sizes))


def joined(parts: Sequence[SpanColumns]) -> SpanColumns:
    """Return all spans of one part or more, in order."""
    if len(parts) == 1:
        return parts[0]
    return SpanColumns(
        received_ns=np.concatenate([part.received_ns for part in parts]),
        places=_joined_shares([part.places for part in parts]),
        meanings=_joined_shares([part.meanings for part in parts]),
        trace_ids=np.concatenate([part.trace_ids for part in parts]),
        span_ids=np.concatenate([part.span_ids for part in parts]),
        parent_span_ids=np.concatenate([part.parent_span_ids for part in parts]),
        texts={name: _joined_words([part.texts[name] for part in parts]) for name in TEXTS},
        numbers={name: np.concatenate([part.numbers[name] for part in parts]) for name in NUMBERS},
        spans=[span for part in parts for span in part.spans],
    )


def _joined_shares(parts: Sequence[Shared]) -> Shared:
    return Shared(*_coded([(part.values, part.codes) for part in parts], id))


def _joined_words(parts: Sequence[Words]) -> Words:
    return Words(*_coded([(part.words, part.codes) for part in parts], str))


def _coded(
    parts: Sequence[tuple[Sequence[Kept], Array]], key_of: Callable[[Kept], Hashable]
) -> tuple[list[Kept], Array]:
    """Return the different values of all parts, and codes that point at them."""
    known: dict[Hashable, int] = {}
    kept: list[Kept] = []
    codes = []
    for values, own in parts:
        places = []
        for value in values:
            place = known.setdefault(key_of(value), len(kept))
            if place == len(kept):
                kept.append(value)
            places.append(place)
        codes.append(np.array(places, np.int64)[own])
    return kept, np.concatenate(codes)
