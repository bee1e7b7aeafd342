"""A token in the wrong place of a request is neither repeated nor written down."""

import pytest

from tidegate.edge.masking import MASK, tokens_in, without_tokens
from tidegate.identity.model import new_token

TOKEN = new_token(bytes(range(48)))


@pytest.mark.parametrize("text", [TOKEN, f"/api/v1/gates/{TOKEN}", f"a={TOKEN}&b={TOKEN}", TOKEN[:30]])
def test_every_token_is_masked_wherever_it_stands_and_half_of_one_too(text: str) -> None:
    assert tokens_in(text)
    assert TOKEN[:30] not in without_tokens(text)
    assert MASK in without_tokens(text)


@pytest.mark.parametrize("text", ["", "tg_abcd", "/api/v1/gates/tg_gate", "tok_0123456789abcdef0123456789"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    assert not tokens_in(text)
    assert without_tokens(text) == text
