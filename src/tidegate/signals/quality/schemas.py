"""Evaluations on the wire; the spellings of score exports are read as they come."""

from typing import Annotated, Any, Self

from pydantic import AwareDatetime, Field, StringConstraints, model_validator

from tidegate.edge.wire import WireModel
from tidegate.signals.quality.model import ReceivedEvaluation
from tidegate.telemetry.evaluations import JSON_FIELDS, JSON_NESTED, MAX_SCORE, canonical_name

MAX_BATCH = 1_000
_TEXT = r"^[^\x00-\x1f\x7f-\x9f]*$"
Text = Annotated[str, StringConstraints(max_length=512, pattern=_TEXT)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_TEXT)]


class EvaluationIn(WireModel):
    """One judgement about one answer. It needs a `score`, a `label` or an `error`."""

    name: Name
    """`citation_coverage`, `groundedness`, …: what was judged. Spelling does not matter."""
    service: Name
    """The `service.name` of what was judged."""
    score: Annotated[float | None, Field(ge=-MAX_SCORE, le=MAX_SCORE, strict=True)] = None
    label: Text = ""
    explanation: Annotated[str, StringConstraints(max_length=8_192)] = ""
    error: Text = ""
    """Why there is no score: the evaluator failed."""
    trace_id: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{32})?$")] = ""
    span_id: Annotated[str, StringConstraints(pattern=r"^([0-9a-f]{16})?$")] = ""
    response_id: Text = ""
    environment: Text = ""
    release: Text = ""
    tenant: Text = ""
    time: AwareDatetime | None = None
    """When it was judged; now unless said."""
    id: Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=_TEXT)] | None = None
    """Sent twice, it counts once."""

    @model_validator(mode="before")
    @classmethod
    def _as_exported(cls, value: Any) -> Any:  # noqa: ANN401 - JSON, to be checked by the fields
        """Rename the fields of exports that say the same under other names; what is said twice is refused."""
        if not isinstance(value, dict):
            return value
        nested = value.get(JSON_NESTED)
        flat = {key: own for key, own in value.items() if key != JSON_NESTED} if isinstance(nested, dict) else value
        renamed: dict[str, Any] = {}
        for key, own in [*flat.items(), *(nested.items() if isinstance(nested, dict) else ())]:
            name = JSON_FIELDS.get(key, key)
            if own is None:
                continue
            if name in renamed:
                raise ValueError(f"`{name}` is given twice")
            renamed[name] = own
        return renamed

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if not canonical_name(self.name):
            raise ValueError("`name` holds no letter and no digit")
        if self.score is None and not self.label and not self.error:
            raise ValueError("give a `score`, a `label` or an `error`")
        if self.span_id and not self.trace_id:
            raise ValueError("`spanId` needs its `traceId`")
        return self

    def received(self) -> ReceivedEvaluation:
        return ReceivedEvaluation(**{name: getattr(self, name) for name in type(self).model_fields})


class EvaluationBatchIn(WireModel):
    evaluations: Annotated[tuple[EvaluationIn, ...], Field(min_length=1, max_length=MAX_BATCH)]


class EvaluationBatchOut(WireModel):
    accepted: int
    ids: tuple[str, ...]
    """In the order given; what is sent again with the same one counts once."""
