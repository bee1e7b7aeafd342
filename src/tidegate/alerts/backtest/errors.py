"""What can be wrong with a question about history."""

from collections.abc import Sequence
from typing import ClassVar

from tidegate.kernel import InvalidInputError


class BacktestTooLargeError(InvalidInputError):
    """It would look at more than one answer may take."""

    code: ClassVar[str] = "backtest_too_large"


class BacktestUnknowableError(InvalidInputError):
    """A rule asks a server of others, whose answers of then are recorded nowhere."""

    code: ClassVar[str] = "backtest_unknowable"

    def __init__(self, codes: Sequence[str]) -> None:
        super().__init__(
            f"What a server of others would have answered is not recorded here: {', '.join(codes[:20])} cannot be "
            "tried. Take rules with `prom` out of the file, and try their queries over there.",
            field="rules",
        )
