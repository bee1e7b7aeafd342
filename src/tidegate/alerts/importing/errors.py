"""What of another tool's file cannot be kept."""

from typing import ClassVar

from tidegate.kernel import InvalidInputError

__all__ = ["NotKeptError"]


class NotKeptError(InvalidInputError):
    """A part of another tool's file that no rule and no objective here says."""

    code: ClassVar[str] = "import_not_kept"

    def __init__(self, what: str, why: str) -> None:
        super().__init__(f"{what} cannot be kept: {why}", field=what)
