"""What can go wrong with reports."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError, TooLargeError


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


class ReportTooLargeError(TooLargeError):
    code: ClassVar[str] = "report_too_large"

    def __init__(self, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"It has {size_bytes:,} bytes; {limit_bytes:,} are read. Send it in parts, or without the output of cases.",
            field="body",
        )


class ReportOfOtherKindError(InvalidInputError):
    code: ClassVar[str] = "report_of_other_kind"

    def __init__(self, is_like: str, *, kind: str) -> None:
        super().__init__(
            f"This is {is_like}, and no report of tests. It counts as evidence: "
            f"`tidegate evidence add --kind {kind}`, or POST /api/v1/evidence.",
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
