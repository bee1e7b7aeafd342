"""What is packed comes back as it was, whatever its numbers and words are."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.span_world import ACME, NOW, columns_of

from tidegate.signals import packed
from tidegate.signals.packed import PackedSpans, pack, unpacked
from tidegate.signals.statements import EVENT_NUMBERS, EVENT_WORDS, LINK_NUMBERS, LINK_WORDS
from tidegate.storage.native import Columns, Dictionaries, Words

_TYPES = {"distrusted": np.uint8, "second": np.uint32, "weight_milli": np.uint32, "http_status": np.uint16,
          "cost_nano_usd": np.int64, "amount_said": np.int64, "limit_said": np.int64}  # fmt: skip
_TEXTS = ("", "a", "chat gpt", "\u00fc\u4e2d\U0001f600", "\ud800", "\x00", "x" * 300)


def anything(chance: random.Random, row_count: int) -> Columns:
    """Return columns of all kinds: constant, repeated, ascending, and anything that its type holds."""
    numbers = {}
    for name in (*LINK_NUMBERS, *EVENT_NUMBERS):
        kind = np.iinfo(_TYPES.get(name, np.uint64))
        value = chance.choice((0, int(kind.min), int(kind.max), chance.randint(int(kind.min), int(kind.max))))
        values = [value] * row_count
        if chance.random() < 0.7:
            few = [chance.randint(int(kind.min), int(kind.max)) >> chance.choice((0, 0, 20, 50)) for _ in range(5)]
            values = [chance.choice(few) for _ in range(row_count)]
        if chance.random() < 0.5:
            values.sort()
        numbers[name] = np.array(values, kind.dtype)
    words = {}
    for name in (*LINK_WORDS, *EVENT_WORDS):
        codes = [chance.randrange(len(_TEXTS)) for _ in range(row_count)]
        words[name] = Words(_TEXTS, np.array(codes, np.int32))
    return Columns(row_count, numbers, words)


@given(st.randoms(use_true_random=False), st.sampled_from((0, 1, 2, 40)), st.booleans())
@settings(deadline=None, max_examples=60)
def test_what_was_packed_is_as_it_was(chance: random.Random, row_count: int, only_linked: bool) -> None:  # noqa: FBT001 - drawn
    columns = anything(chance, row_count)
    known: Dictionaries = {"role": {"agent": 0, "a": 1}}
    found = unpacked(
        pack(columns, {name: column.words for name, column in columns.words.items()}), known, only_linked=only_linked
    )
    assert found.row_count == row_count
    for name in LINK_NUMBERS if only_linked else (*LINK_NUMBERS, *EVENT_NUMBERS):
        assert not row_count or found.numbers[name].dtype == columns.numbers[name].dtype, name
        assert (found.numbers[name] == columns.numbers[name]).all(), name
    for name in LINK_WORDS if only_linked else (*LINK_WORDS, *EVENT_WORDS):
        texts = list(known[name])
        said = [texts[code] for code in found.words[name].codes.tolist()]
        assert said == [_TEXTS[code] for code in columns.words[name].codes.tolist()], name


def test_the_oldest_seconds_make_room_and_those_of_no_use_go(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = columns_of([(ACME, NOW, 1, span) for span in range(9)])
    one = pack(columns, {name: column.words for name, column in columns.words.items()})
    monkeypatch.setattr(packed, "MAX_BYTES", 3 * one.size_bytes)
    kept = PackedSpans()
    for second in (NOW + 1, NOW - 1, NOW, NOW - 2, NOW - 1, NOW - 200):
        kept.put((ACME, second), one)
    kept.make_room(NOW)
    assert [second for second in range(NOW - 200, NOW + 9) if (ACME, second) in kept] == [NOW - 1, NOW, NOW + 1]
    assert kept.size_bytes == 3 * one.size_bytes
    kept.make_room(NOW + packed.KEPT_S + 1)
    assert kept.size_bytes == one.size_bytes
