"""Citation coverage: which share of what an answer claims is supported by what it cites. Pure.

Words decide, not meaning: a claim is supported by a cited text that holds enough of its words. That is a measure of
overlap, cheap and repeatable; a model's judgement of meaning is sent as an evaluation instead.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

DEFAULT_BOUND: Final = 0.6
"""Share of a claim's words from which a cited text supports it; see docs/how-to/evaluate-quality.md for its errors."""
_FILLERS: Final = frozenset({  # they stand in every text, and say nothing about whether two mean the same
    "a", "an", "the", "of", "in", "on", "at", "to", "and", "or", "is", "was", "are", "were", "be", "been", "by", "for",
    "with", "as", "from", "that", "this", "it", "its", "his", "her", "he", "she", "they", "their", "which", "who",
    "had", "has", "have", "not", "but",
})  # fmt: skip
_WORD: Final = re.compile(r"\w+")
_SENTENCE: Final = re.compile(r"(?<=[.!?])\s+(?=\S)")


@dataclass(frozen=True, slots=True)
class ClaimSupport:
    """How a claim stands to what is cited for it."""

    claim: str
    overlap: float
    """Share of its different words that stand in the cited text, 0 to 1."""
    best: int | None
    """Position of the cited sentence that shares most of its words; `None` without one that shares any."""
    is_supported: bool


def sentences_of(text: str) -> list[str]:
    """Return the sentences of an answer: what ends in `.`, `!` or `?` before white space."""
    return [sentence for sentence in _SENTENCE.split(text.strip()) if _WORD.search(sentence)]


def words_of(text: str) -> frozenset[str]:
    """Return the different words of a text, without those that say nothing."""
    return frozenset(word.casefold() for word in _WORD.findall(text)) - _FILLERS


def support_of(claim: str, cited: Sequence[str], *, bound: float = DEFAULT_BOUND) -> ClaimSupport:
    """Return how much of `claim` stands in the sentences `cited` for it; a claim without words is not supported."""
    wanted = words_of(claim)
    own = [words_of(sentence) for sentence in cited]
    if not wanted:
        return ClaimSupport(claim, 0.0, None, is_supported=False)
    shared = [len(wanted & words) for words in own]
    best = max(range(len(shared)), key=shared.__getitem__, default=None)
    overlap = len(wanted & frozenset().union(*own)) / len(wanted)
    return ClaimSupport(claim, overlap, best if best is not None and shared[best] else None, overlap >= bound)


def coverage_of(claims: Sequence[tuple[str, Sequence[str]]], *, bound: float = DEFAULT_BOUND) -> float | None:
    """Return the share of claims that are supported by what each cites; `None` without a claim."""
    if not claims:
        return None
    supported = sum(support_of(claim, cited, bound=bound).is_supported for claim, cited in claims)
    return supported / len(claims)
