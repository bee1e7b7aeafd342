"""Citation coverage by shared words."""

import pytest

from tidegate.signals.quality.citations import coverage_of, sentences_of, support_of

CITED = ["The bridge opened in 1932.", "It carries trains and cars across the harbour."]


def test_a_claim_whose_words_stand_in_what_it_cites_is_supported() -> None:
    found = support_of("The bridge opened in 1932", CITED)
    assert (found.overlap, found.best, found.is_supported) == (1.0, 0, True)


def test_words_may_be_spread_over_what_is_cited() -> None:
    found = support_of("The bridge carries trains and opened in 1932", CITED)
    assert found.is_supported
    assert found.overlap == 1.0


@pytest.mark.parametrize("claim", ["The tunnel closed in 1990", "It was of the", "", "…"])
def test_other_words_or_none_are_not_supported(claim: str) -> None:
    assert not support_of(claim, CITED).is_supported


def test_a_claim_that_cites_nothing_is_not_supported() -> None:
    assert support_of("The bridge opened", []).best is None
    assert coverage_of([("The bridge opened", []), ("The bridge opened", CITED)]) == 0.5


def test_without_a_claim_there_is_no_coverage() -> None:
    assert coverage_of([]) is None


def test_an_answer_is_cut_into_sentences() -> None:
    assert sentences_of("One. Two? Three!  … Four 4.5 and more") == ["One.", "Two?", "Three!", "… Four 4.5 and more"]
