"""Spans as columns: many messages are taken apart at once, and nothing is done a span that can be done a column.

One list of OTLP spans becomes one table, in which their attributes stand one below the other (*pairs*): whose each is,
which key it has, what kind of value and the value. Lists and maps stay bytes until somebody asks for their text.
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import IntEnum
from typing import Any, Final

import numpy as np
import ptars
import pyarrow as pa  # type: ignore[import-untyped]
from google.protobuf import descriptor_pb2, descriptor_pool
from google.protobuf.message import DecodeError
from numpy.typing import NDArray
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValueList

from tidegate.storage.native import Words
from tidegate.telemetry.values import MAX_VALUE_CHARACTERS, clean, text_of

Array = NDArray[Any]
NONE: Final = -1
"""The place of a pair that is not there."""


class SpanDamagedError(ValueError):
    """A span of the list cannot be read: its text is not UTF-8, or it is cut off."""


class Kind(IntEnum):
    """What a value is; the order is that of the fields of OTLP's `AnyValue`."""

    NOTHING = 0
    TEXT = 1
    TRUTH = 2
    WHOLE = 3
    REAL = 4
    LIST = 5
    MAP = 6
    BYTES = 7


_VALUES: Final = (
    "string_value", "bool_value", "int_value", "double_value", "array_value", "kvlist_value", "bytes_value",
)  # fmt: skip
_Field = descriptor_pb2.FieldDescriptorProto
# OTLP's messages, as far as they are counted, with their numbers; lists and maps as bytes, which ends the recursion.
_MESSAGES: Final[Mapping[str, Mapping[str, tuple[Any, ...]]]] = {
    "Value": dict(
        zip(
            _VALUES,
            (
                (1, _Field.TYPE_STRING),
                (2, _Field.TYPE_BOOL),
                (3, _Field.TYPE_INT64),
                (4, _Field.TYPE_DOUBLE),
                (5, _Field.TYPE_BYTES),
                (6, _Field.TYPE_BYTES),
                (7, _Field.TYPE_BYTES),
            ),
            strict=True,
        )
    ),
    "Pair": {"key": (1, _Field.TYPE_STRING), "value": (2, "Value")},
    "Status": {"message": (2, _Field.TYPE_STRING), "code": (3, _Field.TYPE_INT32)},
    "Span": {
        "trace_id": (1, _Field.TYPE_BYTES),
        "span_id": (2, _Field.TYPE_BYTES),
        "trace_state": (3, _Field.TYPE_STRING),
        "parent_span_id": (4, _Field.TYPE_BYTES),
        "name": (5, _Field.TYPE_STRING),
        "kind": (6, _Field.TYPE_INT32),
        "start": (7, _Field.TYPE_FIXED64),
        "end": (8, _Field.TYPE_FIXED64),
        "attributes": (9, "Pair", _Field.LABEL_REPEATED),
        "events": (11, _Field.TYPE_BYTES, _Field.LABEL_REPEATED),
        "links": (13, _Field.TYPE_BYTES, _Field.LABEL_REPEATED),
        "status": (15, "Status"),
        "flags": (16, _Field.TYPE_FIXED32),
    },
}


def _handler() -> Any:  # noqa: ANN401 - the library has no types
    file = descriptor_pb2.FileDescriptorProto(name="tidegate/spans.proto", package="tidegate.spans", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if name == "Value":
            message.oneof_decl.add(name="value")
        for field_name, (number, kind, *label) in fields.items():
            field = message.field.add(
                name=field_name, number=number, label=label[0] if label else _Field.LABEL_OPTIONAL
            )
            if isinstance(kind, str):
                field.type, field.type_name = _Field.TYPE_MESSAGE, f".tidegate.spans.{kind}"
            else:
                field.type = kind
            if name == "Value":
                field.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    described = pool.FindFileByName(file.name)
    return ptars.HandlerPool([described]).get_for_message(described.message_types_by_name["Span"])


_HANDLER: Final = _handler()


class SpanTable:
    """The columns of some spans. Rows are spans; pairs are attributes, by their place among those of all rows."""

    def __init__(self, raw_spans: Sequence[bytes]) -> None:
        """Take the messages apart.

        Raises:
            SpanDamagedError: one of them cannot be read; which one, only reading each alone tells.
        """
        try:
            self._batch = _HANDLER.list_to_record_batch(raw_spans)
        except ValueError as error:
            raise SpanDamagedError(str(error)) from error
        self.row_count: int = self._batch.num_rows
        listed = self._batch.column("attributes")
        self.pair_counts: Array = np.diff(_numbers_of(listed.offsets))
        pairs = listed.flatten()
        keys = pairs.field("key").dictionary_encode()
        self.keys: list[str] = keys.dictionary.to_pylist()
        """The different ones."""
        self.key_codes: Array = _numbers_of(keys.indices)
        """Of each pair, its place in `keys`."""
        self.owners: Array = np.repeat(np.arange(self.row_count, dtype=np.int32), self.pair_counts)
        """Of each pair, its row."""
        value = pairs.field("value")
        self._values = {Kind(place): value.field(name) for place, name in enumerate(_VALUES, 1)}
        self.kinds: Array = np.zeros(len(pairs), np.uint8)
        for kind, column in self._values.items():
            if column.null_count < len(column):
                self.kinds[_is_there(column)] = kind
        self.is_filled: Array = self._filled()
        """Of each pair, whether its text is not empty."""

    def _filled(self) -> Array:
        filled: Array = self.kinds != Kind.NOTHING
        for kind in (Kind.TEXT, Kind.BYTES):
            lengths = np.diff(np.frombuffer(self._values[kind].buffers()[1], np.int32)[: len(filled) + 1])
            filled &= (self.kinds != kind) | (lengths > 0)
        return filled

    def ids(self, name: str) -> tuple[Array, Array]:
        """Return the bytes of all ids one after the other, and the length of each."""
        column = self._batch.column(name)
        return _bytes_of(column), _lengths_of(column)

    def numbers(self, name: str) -> Array:
        return _numbers_of(self._batch.column(name))

    def counts(self, name: str) -> Array:
        """Return how many each row has of what repeats."""
        found: Array = np.diff(_numbers_of(self._batch.column(name).offsets))
        return found

    def status_codes(self) -> Array:
        return _numbers_of(self._batch.column("status").field("code"))

    def status_messages(self) -> Words | None:
        """Return what each row says of its status, `None` when none says anything."""
        said = self._batch.column("status").field("message")
        return _coded(said.fill_null(_NO_TEXT)) if len(_bytes_of(said)) else None

    def texts(self, name: str) -> Words:
        """Return a column of texts."""
        column = self._batch.column(name)
        if not len(_bytes_of(column)):
            return Words([""], np.zeros(self.row_count, np.int64))
        return _coded(column)

    def words(self, pairs: Array) -> Words:
        """Return the texts of the values of `pairs`; `NONE` has the code 0, which is an empty text.

        Raises:
            SpanDamagedError: a list or a map cannot be read.
        """
        words = [""]
        codes = np.zeros(len(pairs), np.int64)
        asked = np.flatnonzero(pairs != NONE)
        if not len(asked):
            return Words(words, codes)
        kinds = self.kinds[pairs[asked]]
        for kind in np.unique(kinds).tolist():
            if kind == Kind.NOTHING:
                continue
            places = asked[kinds == kind]
            coded = self._values[Kind(kind)].take(_places(pairs[places])).dictionary_encode()
            codes[places] = _numbers_of(coded.indices) + len(words)
            words += _texts_of(Kind(kind), coded.dictionary.to_pylist())
        return Words(words, codes)

    def wholes(self, pairs: Array) -> Array:
        """Return the values of `pairs`, all of which are whole numbers."""
        return _numbers_of(self._values[Kind.WHOLE].take(_places(pairs)))

    def raw_values(self, kind: Kind, pairs: Array) -> list[bytes]:
        """Return the values of `pairs`, all of which are texts, lists, maps or bytes of `kind`, as they came."""
        found: list[bytes] = self._values[kind].take(_places(pairs)).cast(pa.binary()).to_pylist()
        return found

    def check_lists(self) -> None:
        """Read every different list and map once.

        Raises:
            SpanDamagedError: one cannot be read.
        """
        for kind in (Kind.LIST, Kind.MAP):
            column = self._values[kind]
            if column.null_count < len(column):
                for raw in column.drop_null().unique().to_pylist():
                    _nested(kind, raw)


def _coded(column: Any) -> Words:  # noqa: ANN401 - an Arrow array of texts
    coded = column.dictionary_encode()
    return Words(coded.dictionary.to_pylist(), _numbers_of(coded.indices))


def _texts_of(kind: Kind, values: Iterable[Any]) -> list[str]:
    if kind is Kind.TEXT:
        return [text if len(text) <= 512 and "\0" not in text else clean(text, MAX_VALUE_CHARACTERS) for text in values]
    if kind is Kind.WHOLE:
        return [str(value) for value in values]
    if kind is Kind.TRUTH:
        return ["true" if value else "false" for value in values]
    if kind is Kind.REAL:
        return [clean(str(value), MAX_VALUE_CHARACTERS) for value in values]
    return [text_of(_nested(kind, value), MAX_VALUE_CHARACTERS) for value in values]


def _nested(kind: Kind, raw: bytes) -> AnyValue:
    try:
        if kind is Kind.LIST:
            return AnyValue(array_value=ArrayValue.FromString(raw))
        if kind is Kind.MAP:
            return AnyValue(kvlist_value=KeyValueList.FromString(raw))
    except (DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SpanDamagedError(str(error)) from error
    return AnyValue(bytes_value=raw)


# By their buffers: Arrow's own ways from and to numpy load pandas, which takes 37 MB of private memory.


def _numbers_of(column: Any) -> Array:  # noqa: ANN401 - an Arrow array of numbers
    """Return the numbers, 0 where there is none."""
    kind = np.dtype(str(column.type))
    data = column.buffers()[1]
    if data is None:
        return np.zeros(len(column), kind)
    found: Array = np.frombuffer(data, kind, len(column), column.offset * kind.itemsize)
    return np.where(_is_there(column), found, kind.type(0)) if column.null_count else found


def _is_there(column: Any) -> Array:  # noqa: ANN401 - an Arrow array
    bits = column.buffers()[0]
    if bits is None:
        return np.ones(len(column), np.bool_)
    end = column.offset + len(column)
    found: Array = np.unpackbits(np.frombuffer(bits, np.uint8), count=end, bitorder="little")[column.offset :]
    return found.view(np.bool_)


def _places(places: Array) -> Any:  # noqa: ANN401 - an Arrow array
    return pa.Array.from_buffers(pa.int64(), len(places), [None, pa.py_buffer(places.astype(np.int64))])


_NO_TEXT: Final = pa.StringArray.from_buffers(1, pa.py_buffer(bytes(8)), pa.py_buffer(b""))[0]


def _lengths_of(column: Any) -> Array:  # noqa: ANN401 - an Arrow array of texts or bytes
    return np.diff(_offsets_of(column))


def _bytes_of(column: Any) -> Array:  # noqa: ANN401 - an Arrow array of texts or bytes
    offsets, data = _offsets_of(column), column.buffers()[2]
    return np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]] if data is not None else np.zeros(0, np.uint8)


def _offsets_of(column: Any) -> Array:  # noqa: ANN401 - an Arrow array of texts or bytes
    return np.frombuffer(column.buffers()[1], np.int32)[column.offset : column.offset + len(column) + 1]
