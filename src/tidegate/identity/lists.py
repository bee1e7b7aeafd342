"""Lists that are ordered by moment and id, and where the next page of one begins."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from tidegate.kernel import Cursor, InvalidInputError, Page, decode_cursor, encode_cursor

__all__ = ["page_of", "position_of"]

Item = TypeVar("Item")
Position = tuple[datetime, str]


def position_of(cursor: Cursor | None) -> Position | None:
    """Return after which item the page begins.

    Raises:
        InvalidInputError: it is not a cursor of ours.
    """
    if cursor is None:
        return None
    moment, _, item_id = decode_cursor(cursor).partition(" ")
    try:
        return datetime.fromisoformat(moment), item_id
    except ValueError as error:
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor") from error


def page_of(found: Sequence[Item], limit: int, position: Callable[[Item], Position]) -> Page[Item]:
    """Return a page of `found`, of which one more was read than is shown."""
    shown = tuple(found[:limit])
    if len(found) <= limit:
        return Page(shown, None)
    moment, item_id = position(shown[-1])
    return Page(shown, encode_cursor(f"{moment.isoformat()} {item_id}"))
