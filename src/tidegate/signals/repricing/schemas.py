"""Recounts on the wire."""

from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AwareDatetime, Field, PlainSerializer

from tidegate.edge.wire import Utc, WireModel
from tidegate.signals.repricing.model import ModelDiff, Recount, RecountState

_NANO = Decimal(1_000_000_000)
Usd = Annotated[Decimal, PlainSerializer(lambda value: f"{value:f}", return_type=str, when_used="json")]


class RecountIn(WireModel):
    reason: Literal["reprice"] = "reprice"
    from_: Annotated[AwareDatetime | None, Field(alias="from")] = None
    """Runs that ended from here on; the oldest that is stored raw unless said."""
    to: AwareDatetime | None = None
    """Up to this moment, which does not belong to it; now unless said."""


class ModelDiffOut(WireModel):
    """One model before and after."""

    model: str
    """Empty: runs that name no model."""
    runs_before: int
    runs_after: int
    cost_usd_before: Usd
    cost_usd_after: Usd
    unpriced_before: int
    unpriced_after: int

    @classmethod
    def of(cls, diff: ModelDiff) -> Self:
        return cls(
            model=diff.model,
            runs_before=diff.before.run_count,
            runs_after=diff.after.run_count,
            cost_usd_before=Decimal(diff.before.cost_nano_usd) / _NANO,
            cost_usd_after=Decimal(diff.after.cost_nano_usd) / _NANO,
            unpriced_before=diff.before.unpriced_count,
            unpriced_after=diff.after.unpriced_count,
        )


class RecountOut(WireModel):
    id: str
    reason: str
    state: RecountState
    from_: Annotated[Utc | None, Field(alias="from")]
    to: Utc | None
    created_at: Utc
    started_at: Utc | None
    finished_at: Utc | None
    seconds_done: int
    seconds_total: int | None
    progress: float | None
    """0 to 1; `null` before anybody knows how much there is."""
    models: tuple[ModelDiffOut, ...]
    """What changed by model, largest change of cost first; complete when the state is `done`."""
    problem: str | None

    @classmethod
    def of(cls, recount: Recount) -> Self:
        diffs = sorted(
            recount.models, key=lambda own: (-abs(own.after.cost_nano_usd - own.before.cost_nano_usd), own.model)
        )
        return cls(
            id=recount.id,
            reason=recount.reason,
            state=recount.state,
            from_=recount.start,
            to=recount.end,
            created_at=recount.created_at,
            started_at=recount.started_at,
            finished_at=recount.finished_at,
            seconds_done=recount.seconds_done,
            seconds_total=recount.seconds_total,
            progress=_progress_of(recount),
            models=tuple(map(ModelDiffOut.of, diffs)),
            problem=recount.problem or None,
        )


class RecountPageOut(WireModel):
    items: tuple[RecountOut, ...]
    next_cursor: str | None


def _progress_of(recount: Recount) -> float | None:
    if recount.state is RecountState.DONE:
        return 1.0
    if recount.seconds_total is None:
        return None
    return min(recount.seconds_done / recount.seconds_total, 1.0) if recount.seconds_total else 0.0
