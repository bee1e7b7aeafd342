"""A state as people see it: the same word everywhere, a shape of its own, a colour by meaning."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

__all__ = ["MARKS", "Mark", "Tone", "overridden", "words_of"]

Tone = Literal["go", "hold", "no-go", "unknown", "running"]


@dataclass(frozen=True, slots=True)
class Mark:
    word: str
    tone: Tone
    """Class of the colours in `assets/tokens.css`."""
    glyph: str
    """Symbol `s-…` in `html/glyphs.html`; shapes differ, so that no state is told by its colour alone."""


MARKS: Mapping[str, Mark] = {
    "no_go": Mark("NO-GO", "no-go", "no-go"),
    "hold": Mark("HOLD", "hold", "hold"),
    "go": Mark("GO", "go", "go"),
    "failed": Mark("FAILED", "no-go", "no-go"),
    "error": Mark("ERROR", "unknown", "error"),
    "missing": Mark("NO DATA", "unknown", "unknown"),
    "stale": Mark("STALE", "unknown", "unknown"),
    "inconclusive": Mark("INCONCLUSIVE", "unknown", "unknown"),
    "pending": Mark("PENDING", "hold", "hold"),
    "warned": Mark("WARNED", "hold", "warned"),
    "waived": Mark("WAIVED", "hold", "waived"),
    "passed": Mark("PASSED", "go", "go"),
    "firing": Mark("FIRING", "no-go", "no-go"),
    "resolved": Mark("RESOLVED", "unknown", "resolved"),
    "inactive": Mark("INACTIVE", "unknown", "unknown"),
    "above": Mark("ABOVE BOUND", "hold", "warned"),
    "distrusted": Mark("DISTRUSTED", "hold", "warned"),
    "insufficient": Mark("TOO LITTLE DATA", "unknown", "unknown"),
    "no_rule": Mark("NO RULE", "unknown", "unknown"),
    "within": Mark("WITHIN BOUNDS", "go", "go"),
}
"""By wire word. Only what passed is green: a resolved alert says that it is over, not that all is well."""


def overridden(words: str) -> Mark:
    """Return the mark of a verdict that people overrode: never green, never the word GO alone."""
    return Mark(words, "hold", "waived")


def words_of(marks: Iterable[Mark]) -> str:
    """Return `1 failed, 2 passed`: what a strip of glyphs says to those who cannot see it."""
    counts = Counter(mark.word for mark in marks)
    ordered = dict.fromkeys(mark.word for mark in MARKS.values())
    return ", ".join(f"{counts[word]} {word.lower()}" for word in ordered if counts[word]) or "no checks"
