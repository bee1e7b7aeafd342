"""What can go wrong with jobs."""

from typing import ClassVar

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError, TooLargeError

__all__ = [
    "JobInvalidError",
    "JobKeyTakenError",
    "JobNotDeadError",
    "JobNotFoundError",
    "JobPayloadTooLargeError",
    "LeaseLostError",
]


class JobInvalidError(InvalidInputError):
    """A mistake of whoever adds the job."""

    code: ClassVar[str] = "job_invalid"


class JobPayloadTooLargeError(TooLargeError):
    code: ClassVar[str] = "job_payload_too_large"

    def __init__(self, kind: str, *, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"The payload of a job {kind!r} has {size_bytes} bytes, {limit_bytes} are allowed: "
            "put ids into it, and read what they stand for when it runs.",
            field="payload",
        )


class JobNotFoundError(NotFoundError):
    code: ClassVar[str] = "job_not_found"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"There is no job {job_id!r}. Finished ones are removed after a time.")


class JobNotDeadError(ConflictError):
    code: ClassVar[str] = "job_not_dead"

    def __init__(self, job_id: str, state: str) -> None:
        super().__init__(f"Job {job_id!r} is {state}: only a dead one can be replayed.")


class JobKeyTakenError(ConflictError):
    code: ClassVar[str] = "job_key_taken"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Job {job_id!r} stays dead: another one for the same thing waits or runs already.")


class LeaseLostError(ConflictError):
    code: ClassVar[str] = "job_lease_lost"

    def __init__(self, job_id: str) -> None:
        super().__init__(f"Job {job_id!r} has been given to somebody else: its effects here were undone.")
