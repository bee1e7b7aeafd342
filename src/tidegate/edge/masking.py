"""Tokens that somebody put where none belongs: they are neither repeated nor written down."""

import re

__all__ = ["MASK", "tokens_in", "without_tokens"]

MASK = "tg_[redacted]"
# `identity.model.new_token` makes them: the prefix, then 43 letters and digits. Half of one is a secret to us as well.
_TOKEN = re.compile(r"tg_[0-9A-Za-z]{20,}")


def tokens_in(text: str) -> list[str]:
    """Return the tokens of tidegate that stand in `text`."""
    return _TOKEN.findall(text) if "tg_" in text else []


def without_tokens(text: str) -> str:
    """Return `text` with a mask in the place of each token; nearly always nothing is to be done, in 0.1 µs."""
    return _TOKEN.sub(MASK, text) if "tg_" in text else text
