"""What can go wrong with Prometheus-compatible servers of others."""

from enum import StrEnum
from typing import ClassVar, Final

from tidegate.kernel import ConflictError, InvalidInputError, NotFoundError, UnavailableError


class Why(StrEnum):
    """Why there is no answer."""

    NO_VECTOR = "no_vector"
    PARTIAL = "partial"
    REFUSED = "refused"
    STALE = "stale"
    STATUS = "status"
    TOO_LONG = "too_long"
    TOO_MANY = "too_many"
    UNREADABLE = "unreadable"
    SECRET = "secret"  # noqa: S105 - the name of a reason


_WORDS: Final = {
    Why.NO_VECTOR: "the answer is no instant vector of plain numbers",
    Why.PARTIAL: "the answer is partial: the server warns that something of it is missing",
    Why.REFUSED: "the server refuses the query",
    Why.STALE: "the answer is of another time than now",
    Why.STATUS: "the server answers with an error",
    Why.TOO_LONG: "a label of the answer is too long, or there are too many",
    Why.TOO_MANY: "the answer has more than 1,000 series",
    Why.UNREADABLE: "the answer cannot be read",
    Why.SECRET: "its secret does not open any more: set it anew",
}


class PromUnansweredError(UnavailableError):
    """There is no whole and fresh answer; nothing that the server said stands here but its status."""

    code: ClassVar[str] = "prometheus_unanswered"

    def __init__(self, why: Why, status: int | None = None) -> None:
        super().__init__(f"There is no answer: {_WORDS[why]}{'' if status is None else f' ({status})'}.")
        self.why = why


class PromSourceNotFoundError(NotFoundError):
    code: ClassVar[str] = "prometheus_source_not_found"

    def __init__(self, name: str) -> None:
        super().__init__(
            f"There is no Prometheus source {name[:80]!r}. `tidegate prometheus source list` shows those you have."
        )


class PromSourceInvalidError(InvalidInputError):
    """A setting that cannot be; `field` names it."""

    code: ClassVar[str] = "prometheus_source_invalid"


class PromSourceLimitError(ConflictError):
    code: ClassVar[str] = "prometheus_source_limit"

    def __init__(self) -> None:
        super().__init__("A workspace has at most 10 Prometheus sources. Remove one.")


class PromSourceChangedError(ConflictError):
    code: ClassVar[str] = "prometheus_source_changed"

    def __init__(self) -> None:
        super().__init__("Somebody else changed this Prometheus source at this moment. Look at it, then try again.")
