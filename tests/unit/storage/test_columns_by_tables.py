"""What is found by a table of codes is what sorting finds."""

import numpy as np
import pytest

from tidegate.storage.native import Words, hex_texts, stable_order, used_codes, used_of

_RANDOM = np.random.default_rng(7)


@pytest.mark.parametrize("size", [1, 3, 500, 100_000])
@pytest.mark.parametrize("count", [0, 1, 40, 5_000])
def test_used_codes_are_those_that_sorting_finds(size: int, count: int) -> None:
    codes = _RANDOM.integers(0, size, count)
    used, places = used_of(codes, size)
    wanted, wanted_places = np.unique(codes, return_inverse=True)
    assert used.tolist() == wanted.tolist()
    assert places.tolist() == wanted_places.tolist()


def test_words_that_no_row_says_are_not_used() -> None:
    used, places = used_codes(Words(["a", "b", "c"], np.array([2, 0, 2], np.uint8)))
    assert (used.tolist(), places.tolist()) == ([0, 2], [1, 0, 1])


@pytest.mark.parametrize("spread", [1, 60, 2**16 - 1, 2**16, 2**40])
@pytest.mark.parametrize("lowest", [-(2**50), 0, 2**50])
def test_near_numbers_are_ordered_as_far_ones_are(spread: int, lowest: int) -> None:
    keys = np.r_[lowest, lowest + spread, lowest + _RANDOM.integers(0, spread, 3_000)]
    assert stable_order(keys).tolist() == np.argsort(keys, kind="stable").tolist()


def test_no_numbers_have_an_order_too() -> None:
    assert stable_order(np.zeros(0, np.int64)).tolist() == []


def test_ids_are_written_as_digits_and_blanks_as_nothing() -> None:
    ids = np.array([[0, 255], [18, 52], [0, 0]], np.uint8)
    assert hex_texts(ids).raw == b"\x0400ff\x041234\x040000"
    assert hex_texts(ids, blank=np.array([False, False, True])).raw == b"\x0400ff\x041234\x00"
