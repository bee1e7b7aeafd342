"""Tenants on the wire."""

from typing import Annotated, Literal, Self

from pydantic import Field

from tidegate.edge.wire import Utc, WireModel
from tidegate.signals.explore.ports import OpenAlert
from tidegate.signals.explore.schemas import HealthOut, RangeIn, Text, WindowOut
from tidegate.signals.tenants.ranking import Ranked, TenantRow


class TenantsIn(RangeIn):
    """Which tenants, in which order; a day unless said."""

    q: Text = None
    """Part of the name."""
    sort: Annotated[str, Field(max_length=40)] = "outlier"
    order: Literal["asc", "desc"] | None = None
    """Largest first unless said; names from A."""
    cursor: Annotated[str | None, Field(max_length=1_000)] = None
    limit: Annotated[int, Field(ge=1, le=200)] = 50
    format: Literal["json", "csv"] = "json"

    @property
    def is_descending(self) -> bool:
        return self.order == "desc" if self.order else self.sort != "tenant"


class RankedOut(WireModel):
    value: int | float | None
    ratio: float | None
    """Times the median of the tenants; null without a value, on too little data, or when the median is 0."""

    @classmethod
    def of(cls, ranked: Ranked) -> Self:
        return cls(value=ranked.value, ratio=ranked.ratio)


class TenantOut(WireModel):
    tenant: str
    outlier: str
    """The figure in which it is furthest above the others."""
    figures: dict[str, RankedOut]

    @classmethod
    def of(cls, row: TenantRow) -> Self:
        return cls(
            tenant=row.tenant,
            outlier=row.outlier,
            figures={name: RankedOut.of(ranked) for name, ranked in row.figures.items()},
        )


class TenantsOut(WireModel):
    window: WindowOut
    items: tuple[TenantOut, ...]
    next_cursor: str | None
    count: int
    """Tenants that match, on all pages; of the largest alone when `isCut` is true."""
    is_cut: bool
    """Whether there are more tenants than are told apart (20,000 a family): the smallest are in no count."""


class TenantAlertOut(WireModel):
    id: str
    code: str
    severity: str
    service: str
    state: str
    sentence: str
    since: Utc

    @classmethod
    def of(cls, alert: OpenAlert) -> Self:
        return cls(
            id=alert.id,
            code=alert.code,
            severity=alert.severity,
            service=alert.service,
            state=alert.state,
            sentence=alert.sentence,
            since=alert.since,
        )


class TenantDetailOut(WireModel):
    tenant: str
    window: WindowOut
    rank: TenantOut | None
    """Null when nothing of it came in the window."""
    families: tuple[HealthOut, ...]
    """How each family is for this tenant, over the last 15 minutes."""
    alerts: tuple[TenantAlertOut, ...] | None
    """Null when they cannot be read."""
