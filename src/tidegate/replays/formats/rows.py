"""What the readers share: one bad row does not stop the others."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from tidegate.replays.formats import Unreadable
from tidegate.replays.model import Row, UnreadableRowError

_Raw = TypeVar("_Raw")

MAX_BODY_CHARACTERS = 32_768  # as long as the server keeps a text


def converted(raw: Iterable[tuple[int, _Raw]], convert: Callable[[int, _Raw], Row]) -> Iterator[Row | Unreadable]:
    """Yield a row each; one that `convert` refuses is yielded with its reason."""
    for number, each in raw:
        try:
            yield convert(number, each)
        except UnreadableRowError as error:
            yield Unreadable(number, str(error))


def filled(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield every line that is not blank with its number, counted from 1, without its end."""
    for number, line in enumerate(lines, 1):
        text = line.rstrip("\r\n")
        if text.strip():
            yield number, text


def whole_number(text: str, name: str) -> int:
    """Return a count.

    Raises:
        UnreadableRowError: it is none; the column is named.
    """
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) >= 2**63:
        raise UnreadableRowError(f"{name} is {text[:40]!r}, which is no count")
    return int(text)
