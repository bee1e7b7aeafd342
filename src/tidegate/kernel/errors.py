"""Families of what can go wrong. They know no HTTP status: `edge.problems` maps families to doors."""

from typing import ClassVar


class TidegateError(Exception):
    """Something a caller can understand and act on.

    Subclasses of the families below carry their own `code`: stable words that clients switch on.
    """

    code: ClassVar[str] = "tidegate_error"

    def __init__(self, message: str, *, field: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.field = field
        """The input field that is wrong, dotted (`services.0.commit`), or `None`."""


class InvalidInputError(TidegateError):
    """The input cannot be what the caller meant."""

    code: ClassVar[str] = "invalid_input"


class MalformedError(TidegateError):
    """The bytes are not what their content type says."""

    code: ClassVar[str] = "malformed"


class UnauthenticatedError(TidegateError):
    """Nobody known is calling."""

    code: ClassVar[str] = "unauthenticated"


class ForbiddenError(TidegateError):
    """The caller is known and may not do this."""

    code: ClassVar[str] = "forbidden"


class NotFoundError(TidegateError):
    """There is no such thing in the caller's workspace."""

    code: ClassVar[str] = "not_found"


class ConflictError(TidegateError):
    """The thing is there, in a state that does not allow this."""

    code: ClassVar[str] = "conflict"


class TooLargeError(TidegateError):
    """The input is larger than the stated limit."""

    code: ClassVar[str] = "too_large"


class UnsupportedMediaError(TidegateError):
    """The input has a content type or an encoding that this door does not read."""

    code: ClassVar[str] = "unsupported_media_type"


class TooManyRequestsError(TidegateError):
    """The caller sends faster than its share; nothing was stored."""

    code: ClassVar[str] = "too_many_requests"

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class UnavailableError(TidegateError):
    """An engine does not answer for the moment; the same request may succeed soon."""

    code: ClassVar[str] = "unavailable"

    def __init__(self, message: str, *, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
