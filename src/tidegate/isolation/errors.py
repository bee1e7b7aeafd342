"""What can go wrong with authorization regression runs."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError


class AuthzRunConflictError(ConflictError):
    code: ClassVar[str] = "authz_run_conflict"

    def __init__(self, run_id: str) -> None:
        super().__init__(
            f"The run {run_id!r} was received before with another body. A new run needs a new runId.", field="runId"
        )


class AuthzRunNotFoundError(NotFoundError):
    code: ClassVar[str] = "authz_run_not_found"

    def __init__(self, service_or_run: str) -> None:
        super().__init__(
            f"No authorization regression run of {service_or_run!r} was received. "
            "`tidegate ci report --suite authz --commit COMMIT FILE` sends one."
        )


class AuthzRunInvalidError(InvalidInputError):
    code: ClassVar[str] = "authz_run_invalid"
