"""Quotas on the wire."""

from collections.abc import Iterable
from typing import Annotated, Self

from pydantic import Field

from tidegate.edge.quotas import Quota
from tidegate.edge.wire import WireModel
from tidegate.identity.quotas.model import MAX_AMOUNT, Limit

Amount = Annotated[int, Field(strict=True, ge=1, le=MAX_AMOUNT)] | None


class LimitsIn(WireModel):
    """What is named is set, `null` clears it; what is left out stays."""

    requests_per_minute: Amount = None
    """Of the API and the pages, telemetry not counted."""
    spans_per_second: Amount = None
    """Ten seconds' worth may come at once."""
    spans_per_day: Amount = None
    logs_per_second: Amount = None
    logs_per_day: Amount = None
    points_per_second: Amount = None
    points_per_day: Amount = None

    def changes(self) -> dict[Quota, int | None]:
        """Return what is named."""
        return {quota: getattr(self, quota) for quota in Quota if quota in self.model_fields_set}


class LimitOut(WireModel):
    quota: Quota
    amount: int | None
    """What holds; `null`: no limit."""
    ceiling: int | None
    """What the operator allows at most; `null`: no limit, or of a token, for which its workspace's holds besides."""
    own: int | None
    """What an admin set; `null`: nothing."""
    used_today: int | None
    """Of a quota of a day, since midnight UTC; `null` for others. Ahead of what came by up to 0.1 % a process."""
    refused_count: int
    """How often it refused something, since ever."""


class LimitsOut(WireModel):
    items: tuple[LimitOut, ...]

    @classmethod
    def of(cls, limits: Iterable[Limit]) -> Self:
        return cls(
            items=tuple(
                LimitOut(
                    quota=limit.quota,
                    amount=limit.amount,
                    ceiling=limit.ceiling,
                    own=limit.own,
                    used_today=limit.used,
                    refused_count=limit.refused,
                )
                for limit in limits
            )
        )
