"""JSON that can be read in one way only: what two readers could take for two documents is refused."""

import json
from typing import Any, Final, NoReturn

__all__ = ["JSON", "read_json"]

JSON = Any
"""What JSON can say."""
_MAX_DEPTH: Final = 64  # statements have some ten levels; readers of other languages end at hundreds


def read_json(data: bytes) -> JSON:
    """Return what `data` says, as UTF-8 without a byte order mark.

    Raises:
        ValueError: it is no JSON; a name stands twice in an object; a number is infinite, none, or too long; a text
            holds half a character; it is nested deeper than 64 levels. The message says which.
    """
    try:
        found = json.loads(data.decode(), object_pairs_hook=_once, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels.") from None
    except UnicodeDecodeError:
        raise ValueError("it is no UTF-8.") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"it is no JSON: {error.msg} at character {error.pos}.") from None
    _refuse_odd(found, _MAX_DEPTH)
    return found


def _once(pairs: list[tuple[str, JSON]]) -> dict[str, JSON]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the name {twice[:50]!r} stands twice in an object.")
    return found


def _refuse_constant(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON.")


def _refuse_odd(value: JSON, depth: int) -> None:
    if not depth:
        raise ValueError(f"it is nested deeper than {_MAX_DEPTH} levels.")
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise ValueError("a text holds half a character.")
    elif isinstance(value, float):
        if value in {float("inf"), float("-inf")}:
            raise ValueError("a number is too large.")
    elif isinstance(value, dict):
        for name, each in value.items():
            _refuse_odd(name, depth)
            _refuse_odd(each, depth - 1)
    elif isinstance(value, list):
        for each in value:
            _refuse_odd(each, depth - 1)
