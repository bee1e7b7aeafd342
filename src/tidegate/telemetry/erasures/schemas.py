"""Wire shapes of erasing."""

from typing import Self

from pydantic import Field

from tidegate.edge.wire import Utc, WireModel
from tidegate.telemetry.erasures.model import Erasure, ErasureKind, ErasureState, Found


class ErasureIn(WireModel):
    """Why something is erased."""

    reason: str = Field(min_length=1, max_length=1_000)
    """Kept with the erasure; not the place for what is erased."""


class FoundOut(WireModel):
    """How much is stored; copies of a row count, until the engine has merged them."""

    spans: int
    logs: int
    points: int
    runs: int
    seconds: int
    """In how many seconds the rows lie: as many are counted again."""

    @classmethod
    def of(cls, found: Found) -> Self:
        return cls(spans=found.spans, logs=found.logs, points=found.points, runs=found.runs, seconds=found.seconds)


class PreviewOut(WireModel):
    """What an erasure would take away; nothing was erased."""

    kind: ErasureKind
    subject: str
    dry_run: bool = True
    found: FoundOut


class ErasureOut(WireModel):
    """One erasure and how far it is."""

    id: str
    kind: ErasureKind
    subject: str
    reason: str
    requested_by: str
    requested_at: Utc
    state: ErasureState
    """`running`; `held`: gone, and copies that come late are erased too; `over`: gone for good."""
    progress: float
    """From 0 to 1."""
    found: FoundOut
    """What was stored when it was asked for."""
    held_until: Utc
    finished_at: Utc | None

    @classmethod
    def of(cls, erasure: Erasure) -> Self:
        return cls(
            id=erasure.id,
            kind=erasure.target.kind,
            subject=erasure.target.subject,
            reason=erasure.reason,
            requested_by=erasure.requested_by,
            requested_at=erasure.requested_at,
            state=erasure.state,
            progress=erasure.progress,
            found=FoundOut.of(erasure.found),
            held_until=erasure.held_until,
            finished_at=erasure.finished_at,
        )


class ErasureListOut(WireModel):
    """Erasures, the newest first."""

    items: list[ErasureOut]
