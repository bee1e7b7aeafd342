import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.jobs.contents import json_of, reason_of, storable

leaves = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(codec=None), max_size=20)
values = st.recursive(
    leaves | texts, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner), max_leaves=12
)


@given(st.dictionaries(texts, values))
def test_every_json_is_kept_as_text_that_postgresql_takes(value: dict[str, object]) -> None:
    stored = json_of(value)  # type: ignore[arg-type]  # hypothesis says object
    assert "\0" not in stored
    stored.encode()
    assert json.loads(stored) == value


@given(texts)
def test_whatever_an_error_says_is_one_short_storable_line(text: str) -> None:
    reason = reason_of(ValueError(text * 40))
    assert len(reason) <= 500
    assert reason.isprintable() or not any(character in reason for character in "\0\n\r\x1b\x7f")
    assert storable(reason) == reason


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("token tg_0123456789abcdefghij refused", "token [redacted] refused"),
        ("bad key whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "bad key [redacted]"),
        ("xoxb-1234-abcdefgh is revoked", "[redacted] is revoked"),
        ("Authorization: Bearer abc.def", "Authorization: Bearer [redacted]"),
        ("GET https://user:pass@hooks.example.com/services/T/B/x?y=z 500", "GET https://hooks.example.com/… 500"),
        ("smtp://me:secret@mail.example.com refused", "smtp://mail.example.com refused"),
        ("https://hooks.example.com:8443 refused", "https://hooks.example.com:8443 refused"),
        ("a\nb\0c\x1b[31m", "a b\N{REPLACEMENT CHARACTER}c [31m"),
    ],
)
def test_what_an_error_quotes_is_masked(text: str, reason: str) -> None:
    assert reason_of(OSError(text)) == f"OSError: {reason}"


def test_an_error_without_words_has_its_name() -> None:
    assert reason_of(TimeoutError()) == "TimeoutError"
