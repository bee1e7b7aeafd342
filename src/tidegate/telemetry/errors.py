"""What can be wrong with telemetry that is sent to us."""

from typing import ClassVar

from tidegate.kernel import (
    ForbiddenError,
    InvalidInputError,
    MalformedError,
    TooLargeError,
    TooManyRequestsError,
    UnsupportedMediaError,
)


class OtlpMalformedError(MalformedError):
    code: ClassVar[str] = "otlp_malformed"

    def __init__(self, what: str) -> None:
        super().__init__(f"The body is no OTLP request: {what} Nothing of it was stored.", field="body")


class SpanInvalidError(InvalidInputError):
    code: ClassVar[str] = "span_invalid"


class BodyTooLargeError(TooLargeError):
    code: ClassVar[str] = "body_too_large"

    def __init__(self, *, limit_bytes: int, expanded: bool) -> None:
        kind = "expanded" if expanded else "sent"
        super().__init__(
            f"A body may have {limit_bytes // 2**20} MB as {kind}. "
            "Send smaller batches; nothing of this one was stored.",
            field="body",
        )


class SpansTooManyError(TooLargeError):
    code: ClassVar[str] = "spans_too_many"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"A body may have {limit} spans. Send smaller batches; nothing of this one was stored.", field="body"
        )


class ContentTypeError(UnsupportedMediaError):
    code: ClassVar[str] = "content_type_unsupported"

    def __init__(self, given: str) -> None:
        super().__init__(
            f"Content type {given!r} is not read here: send application/x-protobuf or application/json.",
            field="content-type",
        )


class ContentEncodingError(UnsupportedMediaError):
    code: ClassVar[str] = "content_encoding_unsupported"

    def __init__(self, given: str, *, accepted: str) -> None:
        super().__init__(
            f"Content encoding {given[:80]!r} is not read here: send {accepted}, or none.", field="content-encoding"
        )


class IngestFullError(TooManyRequestsError):
    code: ClassVar[str] = "ingest_full"

    def __init__(self) -> None:
        super().__init__("More telemetry waits than can be stored now. Send the same batch again in a second.")


class ReplayNotAllowedError(ForbiddenError):
    code: ClassVar[str] = "replay_not_allowed"

    def __init__(self, place: str) -> None:
        super().__init__(
            "Telemetry marked `tidegate.replayed` needs a token with the scope `write`: `tidegate replay` uses one.",
            field=place,
        )
