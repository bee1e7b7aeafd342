"""What can go wrong when somebody looks at a run."""

from typing import ClassVar

from tidegate.kernel import NotFoundError


class RunNotFoundError(NotFoundError):
    """There is no such run in the caller's workspace."""

    code: ClassVar[str] = "run_not_found"

    def __init__(self) -> None:
        super().__init__(
            "There is no such run: it never came, its retention is over, or it was erased. "
            "`tidegate run list` shows the newest ones."
        )
