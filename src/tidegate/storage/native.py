"""The engine's Native format, read into numpy columns: numbers as they lie in memory, words as codes of a dictionary.

Only the types that our own statements ask for: whole numbers, `FixedString`, `LowCardinality(String)`. A result of
100,000 rows is read in milliseconds, because nothing is done a row.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Blobs",
    "Columns",
    "Dictionaries",
    "Encoded",
    "NativeFormatError",
    "Numbers",
    "Optional",
    "Words",
    "hex_texts",
    "read_native",
    "stable_order",
    "used_codes",
    "used_of",
    "write_native",
]

Numbers = NDArray[Any]
_WIDTHS: Final[Mapping[str, str]] = {
    "UInt8": "<u1", "UInt16": "<u2", "UInt32": "<u4", "UInt64": "<u8",
    "Int8": "<i1", "Int16": "<i2", "Int32": "<i4", "Int64": "<i8",
}  # fmt: skip
_WORDS: Final = "LowCardinality(String)"
_CODES: Final = ("<u1", "<u2", "<u4", "<u8")
_HAS_OWN_KEYS: Final = 1 << 9  # of a column's header; the low byte says how wide its codes are


class NativeFormatError(ValueError):
    """The bytes are not what the format says: a mistake in the program."""


@dataclass(frozen=True, slots=True)
class Words:
    """A column of texts: `words[codes[row]]`. Equal texts have equal codes."""

    words: Sequence[str]
    """Read: text. Written: bytes as well."""
    codes: Numbers


@dataclass(frozen=True, slots=True)
class Blobs:
    """A column of `String` whose values are as good as all different, as bytes."""

    values: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class Encoded:
    """A column that its writer has encoded already."""

    row_count: int
    raw: bytes


@dataclass(frozen=True, slots=True)
class Optional:
    """A column of `Nullable(…)` numbers."""

    values: Sequence[int | None]


Column = Numbers | Words | Blobs | Encoded | Optional


@dataclass(frozen=True, slots=True)
class Columns:
    """The columns of one result, all equally long."""

    row_count: int
    numbers: Mapping[str, Numbers]
    words: Mapping[str, Words]


Dictionaries = dict[str, dict[str, int]]
"""By column, the code of each word; a dictionary that is handed in grows, and its codes stay."""


def read_native(body: bytes, dictionaries: Dictionaries | None = None) -> Columns:
    """Return the columns of a whole result; blocks are joined.

    With `dictionaries`, words have the same codes as in every other result that was read with them.

    Raises:
        NativeFormatError: it holds a type that is not read here, or is cut off.
    """
    parts: dict[str, list[Numbers]] = {}
    known = dictionaries if dictionaries is not None else {}
    row_count = 0
    for names, rows in _Reader(body).blocks():
        row_count += rows
        for name, column in names:
            if isinstance(column, tuple):
                codes = known.setdefault(name, {})
                own = np.fromiter(
                    (codes.setdefault(word, len(codes)) for word in column[0]), dtype=np.int32, count=len(column[0])
                )
                column = own[column[1]] if rows else np.zeros(0, np.int32)  # noqa: PLW2901 - codes of all blocks
            parts.setdefault(name, []).append(column)
    joined = {name: found[0] if len(found) == 1 else np.concatenate(found) for name, found in parts.items()}
    return Columns(
        row_count,
        {name: column for name, column in joined.items() if name not in known},
        {name: Words(list(codes), joined[name]) for name, codes in known.items() if name in joined},
    )


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    def blocks(self) -> Iterator[tuple[list[tuple[str, Any]], int]]:
        while self._at < len(self._body):
            column_count, row_count = self._varint(), self._varint()
            yield [(self._text(), self._column(self._text(), row_count)) for _ in range(column_count)], row_count

    def _column(self, kind: str, rows: int) -> Numbers | tuple[list[str], Numbers]:
        if kind == _WORDS:
            return self._words(rows)
        if kind.startswith("FixedString("):
            return self._array(f"S{int(kind[12:-1])}", rows)
        if kind == "Int128":
            return _narrow(self._array("<i8", rows * 2).reshape(rows, 2))
        if kind not in _WIDTHS:
            message = f"A column of the type {kind} is not read here."
            raise NativeFormatError(message)
        return self._array(_WIDTHS[kind], rows)

    def _words(self, rows: int) -> tuple[list[str], Numbers]:
        if not rows:
            return [], np.zeros(0, np.int64)
        _version, header, key_count = (int(one) for one in self._array("<u8", 3))
        if not header & _HAS_OWN_KEYS:
            message = "A dictionary that is shared between blocks is not read here."
            raise NativeFormatError(message)
        words = [self._text() for _ in range(key_count)]
        count = int(self._array("<u8", 1)[0])
        return words, self._array(_CODES[header & 0xFF], count)

    def _array(self, kind: str, count: int) -> Numbers:
        dtype = np.dtype(kind)
        end = self._at + dtype.itemsize * count
        if end > len(self._body):
            message = "The result is cut off."
            raise NativeFormatError(message)
        found = np.frombuffer(self._body, dtype, count, self._at)
        self._at = end
        return found

    def _text(self) -> str:
        length = self._varint()
        end = self._at + length
        text = self._body[self._at : end]
        self._at = end
        return text.decode("utf-8", "replace")

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._body[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7


def write_native(columns: Sequence[tuple[str, str, Column]]) -> bytes:
    """Return one block of `columns`: each a name, the engine's type, and numbers, words, blobs or optional numbers.

    Words may become `String` or `LowCardinality(String)`; numbers any whole number, a moment as its Unix second.
    """
    row_count = _length_of(columns[0][2])
    out = [_as_varint(len(columns)) + _as_varint(row_count)]
    for name, kind, column in columns:
        out += [_as_text(name), _as_text(kind), *_parts_of(kind, column)]
    return b"".join(out)


def _length_of(column: Column) -> int:
    if isinstance(column, Words):
        return len(column.codes)
    if isinstance(column, Encoded):
        return column.row_count
    return len(column.values) if isinstance(column, Blobs | Optional) else len(column)


def _parts_of(kind: str, column: Column) -> Sequence[bytes]:
    if isinstance(column, Words):
        return [_dictionary(column) if kind == _WORDS else _texts(column)]
    if isinstance(column, Blobs):
        return _blobs(column.values)
    if isinstance(column, Encoded):
        return [column.raw]
    if isinstance(column, Optional):
        width = _WIDTHS[kind.removeprefix("Nullable(").removesuffix(")")]
        known = [0 if value is None else value for value in column.values]
        is_null = np.array([value is None for value in column.values], "<u1")
        return [is_null.tobytes(), np.array(known, width).tobytes()]
    return [_wide(column) if kind == "Int128" else _numbers(column, kind)]


def _blobs(values: Sequence[bytes]) -> Sequence[bytes]:
    if not any(values):
        return [bytes(len(values))]  # each of no length
    parts = [b""] * (2 * len(values))
    parts[1::2] = values
    parts[::2] = [_LENGTHS[length] if length < _LISTED else _as_varint(length) for length in map(len, values)]
    return parts


def _numbers(column: Numbers, kind: str) -> bytes:
    return np.ascontiguousarray(column, dtype=_WIDTHS.get(kind, "<u4")).tobytes()


def _narrow(halves: Numbers) -> Numbers:
    """Return 128 bits as 64 where they suffice, else as Python's own whole numbers."""
    low, high = halves[:, 0], halves[:, 1]
    if bool((high == np.where(low < 0, -1, 0)).all()):
        narrow: Numbers = low.copy()
        return narrow
    wide = np.empty(len(low), object)
    wide[:] = [(top << 64) + (bottom & (2**64 - 1)) for bottom, top in halves.tolist()]
    return wide


def _wide(column: Numbers) -> bytes:
    if column.dtype == object:
        return b"".join(int(value).to_bytes(16, "little", signed=True) for value in column)
    halves = np.empty((len(column), 2), "<i8")
    halves[:, 0], halves[:, 1] = column, np.where(column < 0, -1, 0)
    return halves.tobytes()


def _dictionary(column: Words) -> bytes:
    if not len(column.codes):
        return b""
    used, codes = used_codes(column)
    words = [column.words[code] for code in used.tolist()]
    # The engine's own dictionaries begin with the empty text.
    keys = b"".join(_as_text(word) for word in ["", *words])
    head = np.array([1, _HAS_OWN_KEYS | 1 << 10 | 2, len(words) + 1], "<u8").tobytes()
    return head + keys + np.array([len(codes)], "<u8").tobytes() + (codes + 1).astype("<u4").tobytes()


def _texts(column: Words) -> bytes:
    if not len(column.codes):
        return b""
    used, codes = used_codes(column)
    encoded = [_as_text(column.words[code]) for code in used.tolist()]
    return b"".join([encoded[code] for code in codes.tolist()])


def used_codes(column: Words) -> tuple[Numbers, Numbers]:
    """Return which codes the rows have, ascending, and of each row its place among these."""
    return used_of(column.codes, len(column.words))


def used_of(codes: Numbers, size: int) -> tuple[Numbers, Numbers]:
    """Return which of `codes`, all below `size`, are there, ascending, and of each its place among these.

    By a table of all that may be there instead of by sorting, unless that is much more than the rows.
    """
    if size > _MUCH * len(codes) + _LISTED:
        used, places = np.unique(codes, return_inverse=True)
        return used, places
    place = np.zeros(size, np.int32)
    place[codes] = 1
    used = np.flatnonzero(place)
    place[used] = np.arange(len(used), dtype=np.int32)
    return used, place[codes]


def stable_order(keys: Numbers) -> Numbers:
    """Return what sorts `keys`, equal ones as they stand; near numbers in one pass."""
    if len(keys):
        lowest = keys.min()
        if keys.max() - lowest < _NEAR:
            return np.argsort((keys - lowest).astype(np.uint16), kind="stable")
    return np.argsort(keys, kind="stable")


def hex_texts(ids: Numbers, *, blank: Numbers | None = None) -> Encoded:
    """Return rows of bytes as a column of texts of hexadecimal digits; those that are `blank` are empty."""
    rows = np.empty((len(ids), 1 + 2 * ids.shape[1]), np.uint8)
    rows[:, 0] = 2 * ids.shape[1]
    rows[:, 1::2] = _DIGITS[ids >> 4]
    rows[:, 2::2] = _DIGITS[ids & 15]
    if blank is None or not blank.any():
        return Encoded(len(ids), rows.tobytes())
    rows[blank, 0] = 0
    is_written = np.ones(rows.shape, np.bool_)
    is_written[blank, 1:] = False
    return Encoded(len(ids), rows[is_written].tobytes())


def _as_text(text: str | bytes) -> bytes:
    raw = text if isinstance(text, bytes) else text.encode()
    length = len(raw)
    return (_LENGTHS[length] if length < _LISTED else _as_varint(length)) + raw


def _as_varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


_MUCH: Final = 8
_NEAR: Final = 2**16
_DIGITS: Final = np.frombuffer(b"0123456789abcdef", np.uint8)
_LISTED: Final = 4_096  # most texts and spans are shorter
_LENGTHS: Final = tuple(_as_varint(number) for number in range(_LISTED))
