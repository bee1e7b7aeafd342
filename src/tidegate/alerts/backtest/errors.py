"""What can be wrong with a question about history."""

from typing import ClassVar

from tidegate.kernel import InvalidInputError


class BacktestTooLargeError(InvalidInputError):
    """It would look at more than one answer may take."""

    code: ClassVar[str] = "backtest_too_large"
