"""Which runs a request asks for: the same words in the query of the API and of the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from tidegate.kernel import DEFAULT_LIMIT, MAX_LIMIT, InvalidInputError, TimeRange, parse_utc
from tidegate.signals.ai_runs.model import OUTCOMES, RunQuery
from tidegate.signals.model import NANO_PER_USD

_LAST = "9999-12-31T23:59:59Z"
_FIRST = "1970-01-01T00:00:00Z"
_MAX_USD = Decimal(9_000_000_000)  # the column holds 2^63 billionths


class RunFilter(BaseModel):
    """The query; an empty text means the same as none, so that a form may send all of its fields."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    outcome: str = Field("", description="One of ok, failed, policy_blocked, validation_error, cancelled")
    model: str = Field("", max_length=512)
    provider: str = Field("", max_length=512)
    tenant: str = Field("", max_length=512)
    service: str = Field("", max_length=512)
    release: str = Field("", max_length=512)
    from_: str = Field("", alias="from", max_length=64, description="Runs that ended at or after this moment")
    to: str = Field("", max_length=64, description="Runs that ended before this moment")
    min_cost_usd: str = Field("", alias="minCostUsd", max_length=32, description="Priced runs that cost this or more")
    unpriced: bool = Field(default=False, description="Only runs without a price")
    cursor: str = Field("", max_length=1_000)
    limit: int = Field(DEFAULT_LIMIT, ge=1, le=MAX_LIMIT)

    def to_query(self) -> RunQuery:
        """Return what is asked for.

        Raises:
            InvalidInputError: a value is not what its name says; the field is named.
        """
        if self.outcome and self.outcome not in OUTCOMES:
            raise InvalidInputError(f"`outcome` is one of {', '.join(OUTCOMES)}.", field="outcome")
        return RunQuery(
            window=self._window(),
            outcome=self.outcome or None,
            model=self.model or None,
            provider=self.provider or None,
            tenant=self.tenant or None,
            service=self.service or None,
            release=self.release or None,
            min_cost_nano_usd=self._min_cost(),
            is_unpriced=self.unpriced,
            limit=self.limit,
            cursor=self.cursor or None,
        )

    def kept(self) -> dict[str, str]:
        """Return what narrows the list, as it stands in an address."""
        given = {
            "outcome": self.outcome, "model": self.model, "provider": self.provider, "tenant": self.tenant,
            "service": self.service, "release": self.release, "from": self.from_, "to": self.to,
            "minCostUsd": self.min_cost_usd, "unpriced": "true" if self.unpriced else "",
        }  # fmt: skip
        return {name: text for name, text in given.items() if text}

    def _window(self) -> TimeRange | None:
        if not self.from_ and not self.to:
            return None
        return TimeRange(parse_utc(self.from_ or _FIRST, field="from"), parse_utc(self.to or _LAST, field="to"))

    def _min_cost(self) -> int | None:
        if not self.min_cost_usd:
            return None
        try:
            usd = Decimal(self.min_cost_usd)
        except InvalidOperation:
            usd = Decimal(-1)
        if not usd.is_finite() or not 0 <= usd <= _MAX_USD:
            raise InvalidInputError("`minCostUsd` is an amount of dollars, for example 0.05.", field="minCostUsd")
        return int((usd * NANO_PER_USD).to_integral_value())


Filter = Annotated[RunFilter, Query()]


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """A filter under a name."""

    name: str
    query: Mapping[str, str]


SAVED_FILTERS = (
    SavedFilter("All", {}),
    SavedFilter("Failed", {"outcome": "failed"}),
    SavedFilter("Blocked by policy", {"outcome": "policy_blocked"}),
    SavedFilter("Schema errors", {"outcome": "validation_error"}),
    SavedFilter("Cancelled", {"outcome": "cancelled"}),
    SavedFilter("Over 0.50 USD", {"minCostUsd": "0.50"}),
    SavedFilter("Unpriced", {"unpriced": "true"}),
)
"""What people look for first; the bound of cost is that of the rule `average_cost_per_run_high`."""
