"""What can go wrong with runbooks."""

from typing import ClassVar

from tidegate.kernel import NotFoundError


class RunbookNotFoundError(NotFoundError):
    code: ClassVar[str] = "runbook_not_found"

    def __init__(self, slug: str) -> None:
        super().__init__(f"There is no runbook {slug[:80]!r}. `/api/v1/runbooks` lists them.")
