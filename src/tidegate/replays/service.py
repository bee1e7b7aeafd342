"""One file from its rows to the server: read, batched, paced, sent, noted."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from tidegate.replays.bookmarks import Bookmark, Notes
from tidegate.replays.files import lines_of
from tidegate.replays.formats import Format, Unreadable
from tidegate.replays.model import NANO, Document, Event, Log, Reading, Row, Signal, Span, Tally
from tidegate.replays.sender import JSON, PROTOBUF, Pauses
from tidegate.replays.wire import logs_request, traces_request

_Item = TypeVar("_Item", Span, Log)

# 2,000 spans are some 700 kB: 138,320 of them 70 requests, and what is sent again after a cut is a second's work.
BATCH_EVENTS: Final = 2_000
# Half of what a server takes at once.
MAX_BODY_BYTES: Final = 8 * 2**20
# Paced rows that are due this soon are sent together.
_TOGETHER_S: Final = 0.2


class Exporter(Protocol):
    def send(self, signal: Signal, body: bytes, content_type: str) -> tuple[int, str]:
        """Send until it is answered for; return how many items were refused, and why."""
        ...


@dataclass(frozen=True, slots=True)
class Pace:
    speed: float | None
    """Event time passes so many times as fast as the clock; `None`: as fast as it goes."""
    limit: int | None
    """The last row that is sent."""


Watcher = Callable[[Tally], None]


class FileReplay:
    def __init__(self, path: Path, form: Format, *, exporter: Exporter, pace: Pace, pauses: Pauses) -> None:
        self._path = path
        self._form = form
        self._exporter = exporter
        self._pace = pace
        self._pauses = pauses

    def last_time_ns(self, reading: Reading) -> int:
        """Return the time of the last event, which takes reading everything; 0 when no row says one."""
        tally = Tally()
        for row in self._rows(reading):
            if isinstance(row, Row):
                tally.see(row.time_ns)
        return tally.last_ns

    def send(self, reading: Reading, bookmarks: Notes[Bookmark], bookmark: Bookmark, watch: Watcher) -> Tally:
        """Send every row behind `bookmark`, and note each batch that was answered for.

        Raises:
            UnreadableFileError: the file is not of its format.
            CliError: the server refused a request, or nobody answered in time.
        """
        tally = Tally()
        batch = _Batch()
        began: tuple[float, int] | None = None
        number = bookmark.row
        for row in self._rows(reading):
            if row.number <= bookmark.row:
                continue
            number = row.number
            if isinstance(row, Unreadable):
                tally.unreadable += 1
                tally.note(f"{self._path.name}, row {row.number}: {row.reason}")
                continue
            if self._pace.speed and row.time_ns:
                began = began or (self._pauses.monotonic(), row.time_ns)
                due_s = began[0] + (row.time_ns - began[1]) / NANO / self._pace.speed
                if due_s - self._pauses.monotonic() > _TOGETHER_S:
                    bookmark = self._flush(batch, tally, bookmarks, bookmark)
                    watch(tally)
                    self._pauses.sleep(max(0.0, due_s - self._pauses.monotonic()))
            batch.add(row)
            if batch.event_count >= BATCH_EVENTS:
                bookmark = self._flush(batch, tally, bookmarks, bookmark)
                watch(tally)
        bookmark = self._flush(batch, tally, bookmarks, bookmark)
        bookmarks.set(replace(bookmark, row=number, is_finished=self._pace.limit is None))
        watch(tally)
        return tally

    def _rows(self, reading: Reading) -> Iterator[Row | Unreadable]:
        for row in self._form.reader()(lines_of(self._path), reading):
            if self._pace.limit is not None and row.number > self._pace.limit:
                return
            yield row

    def _flush(self, batch: "_Batch", tally: Tally, bookmarks: Notes[Bookmark], bookmark: Bookmark) -> Bookmark:
        if not batch.rows:
            return bookmark
        for signal, body, content_type in batch.requests():
            rejected, reason = self._exporter.send(signal, body, content_type)
            tally.requests += 1
            tally.refused += rejected
            if rejected or reason:
                tally.note(f"{self._path.name}, up to row {batch.rows[-1].number}: {reason or 'refused'}")
        for row in batch.rows:
            tally.rows += 1
            tally.see(row.time_ns)
            for event in row.events:
                _count(tally, event)
        noted = replace(bookmark, row=batch.rows[-1].number)
        bookmarks.set(noted)
        batch.clear()
        return noted


class _Batch:
    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.event_count = 0

    def add(self, row: Row) -> None:
        self.rows.append(row)
        self.event_count += sum(one.item_count if isinstance(one, Document) else 1 for one in row.events)

    def clear(self) -> None:
        self.rows.clear()
        self.event_count = 0

    def requests(self) -> Iterator[tuple[Signal, bytes, str]]:
        events = [event for row in self.rows for event in row.events]
        for body in _bodies([each for each in events if isinstance(each, Span)], traces_request):
            yield Signal.TRACES, body, PROTOBUF
        for body in _bodies([each for each in events if isinstance(each, Log)], logs_request):
            yield Signal.LOGS, body, PROTOBUF
        yield from _documents([each for each in events if isinstance(each, Document)])


def _bodies(items: Sequence[_Item], encode: Callable[[Sequence[_Item]], bytes]) -> Iterator[bytes]:
    """Yield requests of a size that a server takes: a batch of long texts is halved until it fits."""
    if not items:
        return
    body = encode(items)
    if len(body) <= MAX_BODY_BYTES or len(items) == 1:
        yield body
        return
    half = len(items) // 2
    yield from _bodies(items[:half], encode)
    yield from _bodies(items[half:], encode)


def _documents(documents: Sequence[Document]) -> Iterator[tuple[Signal, bytes, str]]:
    """Yield requests that hold as many documents of one signal as fit."""
    for signal in Signal:
        groups: list[str] = []
        size = 0
        name = ""
        for document in documents:
            if document.signal is not signal:
                continue
            [(name, content)] = document.content.items()
            text = ",".join(_json(group) for group in content)
            if groups and size + len(text) > MAX_BODY_BYTES:
                yield signal, _wrapped(name, groups), JSON
                groups, size = [], 0
            groups.append(text)
            size += len(text)
        if groups:
            yield signal, _wrapped(name, groups), JSON


def _wrapped(name: str, groups: Sequence[str]) -> bytes:
    # Plain ASCII: half a surrogate pair, which JSON may hold, is written as it came.
    return f'{{"{name}":[{",".join(groups)}]}}'.encode()


def _json(value: Any) -> str:  # noqa: ANN401 - JSON
    return json.dumps(value, separators=(",", ":"))


def _count(tally: Tally, event: Event) -> None:
    if isinstance(event, Span):
        tally.spans += 1
    elif isinstance(event, Log):
        tally.logs += 1
    elif event.signal is Signal.TRACES:
        tally.spans += event.item_count
    elif event.signal is Signal.LOGS:
        tally.logs += event.item_count
    else:
        tally.points += event.item_count
