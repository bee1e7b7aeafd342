"""Rows of whole seconds in few bytes: what was counted a while ago, until the last late rows of it have come.

Contract. As with `recent`, of which this is the older part: what is here of a second is all there is of it until it is
touched again. Each second has words of its own, so it outlives every dictionary. The oldest seconds make room.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]

from tidegate.kernel import WorkspaceId
from tidegate.signals.statements import EVENT_NUMBERS, EVENT_WORDS, LINK_NUMBERS, LINK_WORDS
from tidegate.storage.native import Columns, Dictionaries, Numbers, Words

KEPT_S: Final = 95  # late rows of a minute wait for 70 seconds, and traces reach back
_AHEAD_S: Final = 60
MAX_BYTES: Final = 80 * 2**20  # 37 bytes a row: of 95 seconds at 20,000 a second 70 MB
_CODEC: Final = "lz4_raw"
_NANO: Final = np.uint64(1_000_000_000)
_OVERHEAD_BYTES: Final = 9_000  # of the forms of sixty columns
_EMPTY_BYTES: Final = 250  # of a key and its place

Second = tuple[WorkspaceId, int]


@dataclass(frozen=True, slots=True)
class _Form:
    """How one column was made small."""

    dtype: np.dtype[np.generic]
    lowest: int
    width: int
    """Bytes of each value above the lowest; 0: all are equal."""
    value_count: int
    length_width: int
    """Bytes of how often each value is repeated; 0: each stands alone."""
    words_bytes: int = -1
    """Of the words that the values are codes of; -1: they are numbers."""
    word_count: int = 0


@dataclass(frozen=True, slots=True)
class _Pack:
    """Some columns, one behind the other, compressed."""

    forms: Mapping[str, _Form]
    raw: bytes
    size: int


@dataclass(frozen=True, slots=True)
class Packed:
    """All rows of one second."""

    row_count: int
    linked: _Pack
    event: _Pack

    @property
    def size_bytes(self) -> int:
        """Return about how much memory it takes; seconds without rows share what they have."""
        return len(self.linked.raw) + len(self.event.raw) + _OVERHEAD_BYTES if self.row_count else _EMPTY_BYTES


class PackedSpans:
    """Rows by second."""

    def __init__(self) -> None:
        self._seconds: dict[Second, Packed] = {}
        self._size_bytes = 0

    def __contains__(self, second: Second) -> bool:
        return second in self._seconds

    def __getitem__(self, second: Second) -> Packed:
        return self._seconds[second]

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    def forget(self) -> None:
        self._seconds.clear()
        self._size_bytes = 0

    def put(self, second: Second, packed: Packed) -> None:
        self.drop([second])
        self._seconds[second] = packed
        self._size_bytes += packed.size_bytes

    def drop(self, seconds: Iterable[Second]) -> None:
        for second in seconds:
            known = self._seconds.pop(second, None)
            self._size_bytes -= 0 if known is None else known.size_bytes

    def make_room(self, now_s: int) -> None:
        self.drop([one for one in self._seconds if not is_of_late(one[1], now_s)])
        if self._size_bytes > MAX_BYTES:
            for second in sorted(self._seconds, key=lambda one: one[1]):
                self.drop([second])
                if self._size_bytes <= MAX_BYTES:
                    break


def is_of_late(second: int, now_s: int) -> bool:
    """Say whether rows of `second` are worth to be kept."""
    return now_s - KEPT_S <= second <= now_s + _AHEAD_S


def pack(columns: Columns, words: Mapping[str, Sequence[str]]) -> Packed:
    """Return all rows of one second, with all columns; `words` are what the codes stand for."""
    if not columns.row_count:
        return _NOTHING
    return _made(columns, words)


def _made(columns: Columns, words: Mapping[str, Sequence[str]]) -> Packed:
    numbers = _near(columns.numbers)
    linked = {name: numbers[name] for name in LINK_NUMBERS}
    event = {name: numbers[name] for name in EVENT_NUMBERS}
    codes = {name: column.codes for name, column in columns.words.items()}
    return Packed(
        columns.row_count,
        _packed(linked, {name: codes[name] for name in LINK_WORDS}, words),
        _packed(event, {name: codes[name] for name in EVENT_WORDS}, words),
    )


def unpacked(packed: Packed, dictionaries: Dictionaries, *, only_linked: bool = False) -> Columns:
    """Return the rows with codes of `dictionaries`, which grow; with `only_linked` what linking needs of them."""
    numbers, words = _unpacked(packed.linked, packed.row_count, dictionaries)
    if not only_linked:
        more_numbers, more_words = _unpacked(packed.event, packed.row_count, dictionaries)
        numbers, words = numbers | more_numbers, words | more_words
    return Columns(packed.row_count, _as_they_were(numbers), words)


def _near(numbers: Mapping[str, Numbers]) -> dict[str, Numbers]:
    """Return moments as they differ from others, so that they are small; the type holds what goes below zero."""
    end, start = numbers["end_ns"].astype(np.uint64), numbers["start_ns"].astype(np.uint64)
    spent = end - start
    return {
        **numbers,
        "end_ns": end - numbers["second"].astype(np.uint64) * _NANO,
        "start_ns": spent,
        "duration_ns": numbers["duration_ns"].astype(np.uint64) - spent,
    }


def _as_they_were(numbers: dict[str, Numbers]) -> dict[str, Numbers]:
    end = numbers["end_ns"] + numbers["second"].astype(np.uint64) * _NANO
    spent = numbers["start_ns"]
    found = {**numbers, "end_ns": end, "start_ns": end - spent}
    if "duration_ns" in numbers:
        found["duration_ns"] = numbers["duration_ns"] + spent
    return found


def _packed(numbers: Mapping[str, Numbers], codes: Mapping[str, Numbers], words: Mapping[str, Sequence[str]]) -> _Pack:
    forms: dict[str, _Form] = {}
    parts: list[bytes] = []
    for name, column in numbers.items():
        forms[name] = _add(parts, column)
    for name, column in codes.items():
        own, said = _own_words(column, words[name])
        encoded = [word.encode("utf-8", "surrogatepass") for word in said]
        lengths = np.array(list(map(len, encoded)), "<u4").tobytes()
        parts.append(lengths + b"".join(encoded))
        forms[name] = _add(parts, own, words_bytes=len(parts[-1]), word_count=len(said))
    whole = b"".join(parts)
    return _Pack(forms, pa.compress(whole, codec=_CODEC, asbytes=True), len(whole))


def _own_words(codes: Numbers, words: Sequence[str]) -> tuple[Numbers, list[str]]:
    """Return codes of those of `words` alone that are said, and these."""
    if not len(codes):
        return codes, []
    size = int(codes.max()) + 1
    place = np.zeros(size, np.int32)
    place[codes] = 1
    used = np.flatnonzero(place)
    place[used] = np.arange(len(used), dtype=np.int32)
    return place[codes], [words[code] for code in used.tolist()]


def _add(parts: list[bytes], column: Numbers, *, words_bytes: int = -1, word_count: int = 0) -> _Form:
    """Add what is needed to make `column` again, and say how."""
    values, length_width = column, 0
    starts = np.flatnonzero(column[1:] != column[:-1]) + 1
    if len(starts) < len(column) // 4:  # rows of one trace, or one body, stand beside each other
        starts = np.concatenate([np.zeros(1, np.int64), starts])
        values = column[starts]
        lengths = np.diff(starts, append=len(column))
        length_width = _width_of(int(lengths.max()))
        parts.append(lengths.astype(f"<u{length_width}").tobytes())
    lowest, width = 0, 0
    if len(values):
        lowest = int(values.min())
        width = _width_of(int(values.max()) - lowest)
    if width:
        above = values.astype(np.uint64) - np.uint64(lowest & _MASK)
        parts.append(_spread(above.astype(f"<u{width}")))
    return _Form(column.dtype, lowest, width, len(values), length_width, words_bytes, word_count)


_MASK: Final = 2**64 - 1


def _width_of(most: int) -> int:
    return 0 if not most else 1 if most < 2**8 else 2 if most < 2**16 else 4 if most < 2**32 else 8


def _spread(values: Numbers) -> bytes:
    """Return first bytes first: high ones are as good as all alike."""
    return values.view(np.uint8).reshape(len(values), -1).T.tobytes()


def _gathered(raw: memoryview, count: int, width: int) -> Numbers:
    found: Numbers = np.frombuffer(raw, np.uint8, count * width).reshape(width, count).T.copy().view(f"<u{width}")
    return found.reshape(count)


def _unpacked(pack: _Pack, row_count: int, dictionaries: Dictionaries) -> tuple[dict[str, Numbers], dict[str, Words]]:
    raw = memoryview(pa.decompress(pack.raw, pack.size, codec=_CODEC, asbytes=True))
    numbers: dict[str, Numbers] = {}
    words: dict[str, Words] = {}
    at = 0
    for name, form in pack.forms.items():
        if form.words_bytes < 0:
            numbers[name], at = _column(raw, at, form, row_count)
            continue
        said = _words_in(raw[at : at + form.words_bytes], form.word_count)
        codes, at = _column(raw, at + form.words_bytes, form, row_count)
        known = dictionaries.setdefault(name, {})
        own = np.array([known.setdefault(word, len(known)) for word in said], np.int32)
        words[name] = Words((), own[codes] if row_count else np.zeros(0, np.int32))
    return numbers, words


def _words_in(raw: memoryview, count: int) -> list[str]:
    ends = np.cumsum(np.frombuffer(raw, "<u4", count)).tolist()
    texts = bytes(raw[4 * count :])
    starts = [0, *ends][:count]
    return [texts[start:end].decode("utf-8", "surrogatepass") for start, end in zip(starts, ends, strict=True)]


def _column(raw: memoryview, at: int, form: _Form, row_count: int) -> tuple[Numbers, int]:
    lengths: Numbers | None = None
    if form.length_width:
        lengths = np.frombuffer(raw, f"<u{form.length_width}", form.value_count, at)
        at += form.length_width * form.value_count
    if not form.width:
        return np.full(row_count, form.lowest, form.dtype), at
    above = _gathered(raw[at:], form.value_count, form.width).astype(np.uint64)
    at += form.width * form.value_count
    values = (above + np.uint64(form.lowest & _MASK)).astype(form.dtype)
    return values if lengths is None else np.repeat(values, lengths), at


_NO_NUMBERS: Final = {name: np.zeros(0, np.uint64) for name in LINK_NUMBERS + EVENT_NUMBERS}
_NO_WORDS: Final = {name: Words((), np.zeros(0, np.int32)) for name in LINK_WORDS + EVENT_WORDS}
_NOTHING: Final = _made(Columns(0, _NO_NUMBERS, _NO_WORDS), dict.fromkeys(_NO_WORDS, ()))
