"""What can go wrong with erasing."""

from typing import ClassVar

from tidegate.kernel import NotFoundError


class NothingToEraseError(NotFoundError):
    """Nothing of it is stored in the caller's workspace."""

    code: ClassVar[str] = "nothing_to_erase"

    def __init__(self, kind: str) -> None:
        super().__init__(f"Nothing of this {kind} is stored here: check its spelling. Nothing was erased.")


class ErasureNotFoundError(NotFoundError):
    """There is no such erasure in the caller's workspace."""

    code: ClassVar[str] = "erasure_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such erasure. `GET /api/v1/erasures` lists those of this workspace.")
