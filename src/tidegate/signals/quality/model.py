"""A judgement about an answer, as it is received. Pure."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ReceivedEvaluation:
    """What somebody says of one answer."""

    name: str
    """As the sender writes it; it counts under its canonical name."""
    service: str
    score: float | None = None
    label: str = ""
    explanation: str = ""
    error: str = ""
    """Why there is no score: the evaluator failed."""
    trace_id: str = ""
    span_id: str = ""
    response_id: str = ""
    environment: str = ""
    release: str = ""
    tenant: str = ""
    time: datetime | None = None
    """When it was judged; now unless said."""
    id: str | None = None
    """The sender's; the same twice counts once."""
