"""A state as people see it: the same word everywhere, a shape of its own, a colour by meaning."""

from dataclasses import dataclass
from typing import Literal

__all__ = ["Mark", "Tone"]

Tone = Literal["go", "hold", "no-go", "unknown", "running"]


@dataclass(frozen=True, slots=True)
class Mark:
    word: str
    tone: Tone
    """Class of the colours in `assets/tokens.css`."""
    glyph: str
    """Symbol `s-…` in `html/glyphs.html`; shapes differ, so that no state is told by its colour alone."""
