"""What others sent cannot pass for tidegate's own words, whatever it holds."""

import re

from hypothesis import given
from hypothesis import strategies as st

from tidegate.edge.masking import MASK
from tidegate.edge.mcp.rendering import MAX_TEXT, cleaned, fenced


@given(st.text(alphabet=st.sampled_from("`~\n #>ab{}\"'"), max_size=200) | st.text(max_size=200))
def test_no_text_closes_its_fence(text: str) -> None:
    shown = fenced(text)
    opening = re.match(r"[^\n]*\n(`{3,})text\n", shown)
    assert opening is not None
    body = shown[opening.end() : -len(opening[1]) - 1]
    assert shown.endswith(f"\n{opening[1]}")
    assert opening[1] not in body


@given(st.recursive(st.text(max_size=40), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_data_keeps_its_shape(value: object) -> None:
    assert cleaned(value) == value


def test_long_texts_are_cut_and_tokens_masked() -> None:
    token = "tg_" + "a" * 43
    assert len(cleaned("x" * 10_000)) == MAX_TEXT
    assert cleaned({"note": f"use {token} now"}) == {"note": f"use {MASK} now"}
    assert token not in fenced({"note": token})
