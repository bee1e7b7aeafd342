"""What can go wrong when somebody looks at a trace."""

from typing import ClassVar

from tidegate.kernel import NotFoundError


class TraceNotFoundError(NotFoundError):
    """No span of this id is stored in the caller's workspace."""

    code: ClassVar[str] = "trace_not_found"

    def __init__(self, trace_id: str) -> None:
        super().__init__(
            f"No span of the trace {trace_id[:64]!r} is stored: it never came, its retention is over, or it was erased."
        )


class SpanNotFoundError(NotFoundError):
    """The trace has no such span."""

    code: ClassVar[str] = "span_not_found"

    def __init__(self, span_id: str) -> None:
        super().__init__(f"The trace has no span {span_id[:64]!r}.")
