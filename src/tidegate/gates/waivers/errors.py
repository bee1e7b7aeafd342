"""What can go wrong with waivers."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError


class WaiverNotFoundError(NotFoundError):
    code: ClassVar[str] = "waiver_not_found"

    def __init__(self, waiver_id: str) -> None:
        super().__init__(f"There is no waiver {waiver_id!r}. `tidegate gate waivers` lists them.")


class WaiverInvalidError(InvalidInputError):
    """Names the field that is wrong."""

    code: ClassVar[str] = "waiver_invalid"


class WaiverEndedError(ConflictError):
    code: ClassVar[str] = "waiver_ended"

    def __init__(self, waiver_id: str) -> None:
        super().__init__(f"The waiver {waiver_id!r} was ended before.")


class WaivesNothingError(ConflictError):
    code: ClassVar[str] = "waives_nothing"

    def __init__(self, check: str) -> None:
        super().__init__(f"The check {check!r} does not block this release, so there is nothing to waive.")
