"""What can be wrong with prices."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError


class PriceFileInvalidError(InvalidInputError):
    code: ClassVar[str] = "price_file_invalid"


class PricesChangedError(ConflictError):
    code: ClassVar[str] = "prices_changed"

    def __init__(self) -> None:
        super().__init__("The prices of this workspace were changed at the same moment. Look at them and apply again.")
