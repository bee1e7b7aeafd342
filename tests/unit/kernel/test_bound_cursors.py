"""Cursors are bound where a door says so, and read nowhere else."""

import contextvars
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.kernel import CursorBinding, InvalidInputError, bind_cursors, decode_cursor, encode_cursor

KEY = b"k" * 32
OWN = CursorBinding(KEY, ("acme", "/api/v1/gates", ""))


def within(binding: CursorBinding, act: Callable[[], str]) -> str:
    """Return what `act` returns in a request of its own."""

    def bound() -> str:
        bind_cursors(binding)
        return act()

    return contextvars.Context().run(bound)


@given(st.text(max_size=80))
def test_a_bound_cursor_gives_its_key_back(key: str) -> None:
    cursor = within(OWN, lambda: encode_cursor(key))
    assert within(OWN, lambda: decode_cursor(cursor)) == key


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(CursorBinding(KEY, ("other", "/api/v1/gates", "")), id="another workspace"),
        pytest.param(CursorBinding(KEY, ("acme", "/api/v1/releases", "")), id="another list"),
        pytest.param(CursorBinding(KEY, ("acme", "/api/v1/gates", "6:tenant=1:a")), id="another filter"),
        pytest.param(CursorBinding(b"x" * 32, OWN.facts), id="another key"),
        pytest.param(CursorBinding(KEY, ("acme/api/v1/gates", "", "")), id="the same letters, divided otherwise"),
    ],
)
def test_a_cursor_of_elsewhere_is_refused(other: CursorBinding) -> None:
    cursor = within(OWN, lambda: encode_cursor("2026 gat_1"))
    with pytest.raises(InvalidInputError) as refused:
        within(other, lambda: decode_cursor(cursor))
    assert refused.value.field == "cursor"


@pytest.mark.parametrize("cursor", ["", "x", "AAAA", encode_cursor("2026 gat_1"), "%%%%", "a" * 1_000])
def test_what_is_no_bound_cursor_is_refused(cursor: str) -> None:
    with pytest.raises(InvalidInputError):
        within(OWN, lambda: decode_cursor(cursor))


@given(st.binary(max_size=60), st.integers(0, 200))
def test_no_change_of_a_bound_cursor_is_taken(noise: bytes, place: int) -> None:
    cursor = within(OWN, lambda: encode_cursor("2026 gat_1"))
    changed = cursor[: place % len(cursor)] + noise.hex() + cursor[place % len(cursor) :]
    if changed != cursor:
        with pytest.raises(InvalidInputError):
            within(OWN, lambda: decode_cursor(changed))


def test_the_key_is_not_shown() -> None:
    assert "kkk" not in repr(OWN)
