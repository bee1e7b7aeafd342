"""What can go wrong with reports."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError


class ReportUnreadableError(InvalidInputError):
    code: ClassVar[str] = "report_unreadable"

    def __init__(self, message: str) -> None:
        super().__init__(message, field="body")


class ReportEntitiesRefusedError(InvalidInputError):
    code: ClassVar[str] = "report_entities_refused"

    def __init__(self) -> None:
        super().__init__(
            "The report declares XML entities, which can be made to read files or fill the memory. "
            "Write it without a DOCTYPE.",
            field="body",
        )


class ReportConflictError(ConflictError):
    code: ClassVar[str] = "report_conflict"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"The run {run_id!r} of this suite was received before with another report. A new run needs a new runId.",
            field="runId",
        )


class ReportNotFoundError(NotFoundError):
    code: ClassVar[str] = "report_not_found"

    def __init__(self, what: str) -> None:
        super().__init__(
            f"No report {what!r} was received. `tidegate ci report --suite SUITE --commit COMMIT FILE` sends one."
        )
