"""Errors in the words and numbers of a server."""

import pytest

from tidegate.storage.engine.quoting import identifier, parameter_value, string_literal
from tidegate.storage.engine.refusals import ACCESS_DENIED, UNKNOWN_EXCEPTION, EngineError, refuse


def test_the_library_s_words_keep_their_code() -> None:
    error = EngineError.of("Code: 60. DB::Exception: No such table. (UNKNOWN_TABLE)")
    assert (error.code, error.status) == (60, 404)
    assert error.body("26.9") == "Code: 60. DB::Exception: No such table. (UNKNOWN_TABLE) (version 26.9)\n"


def test_what_stands_before_the_code_is_left_out() -> None:
    error = EngineError.of("Failed to create connection: Code: 241. DB::Exception: Too much. (MEMORY_LIMIT_EXCEEDED)")
    assert error.code == 241
    assert error.body("1").startswith("Code: 241. ")


def test_words_without_a_code_are_an_unknown_error() -> None:
    error = EngineError.of("the sky fell")
    assert (error.code, error.status) == (UNKNOWN_EXCEPTION, 500)
    assert "the sky fell" in error.body("26.9")


def test_a_refusal_names_its_error_as_clients_expect() -> None:
    assert refuse("No.").code == ACCESS_DENIED
    assert refuse("No.").body("1") == "Code: 497. DB::Exception: No. (ACCESS_DENIED) (version 1)\n"


@pytest.mark.parametrize(
    ("text", "literal"), [("a", "'a'"), ("o'b", r"'o\'b'"), ("\\'", r"'\\\''"), ("\n\t\0", r"'\n\t\0'")]
)
def test_literals_are_closed_whatever_is_in_them(text: str, literal: str) -> None:
    assert string_literal(text) == literal


def test_names_and_values_are_escaped() -> None:
    assert identifier("a`b\\") == "`a\\`b\\\\`"
    assert identifier("plain") == "`plain`"
    assert parameter_value("a\tb\\N") == "a\\tb\\\\N"
