"""Prices on the wire. Dollars are decimal texts: a price has digits that a binary fraction has not."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, PlainSerializer

from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import Page
from tidegate.signals.prices.book import Explanation, ListedPrice, version_of
from tidegate.signals.prices.model import AppliedPrices, Overrides, Part, PriceSource, Usage
from tidegate.signals.prices.plans import Rates, usd_of
from tidegate.signals.prices.price_files import EntryFile, PriceFile

Usd = Annotated[Decimal, PlainSerializer(lambda value: f"{value:f}", return_type=str, when_used="json")]
_NANO = Decimal(1_000_000_000)
_MAX_TOKENS = 2**40
Tokens = Annotated[int, Field(ge=0, le=_MAX_TOKENS)]


class RatesOut(WireModel):
    """Dollars a million tokens. `null`: there is no such price; cached tokens then cost what input costs."""

    input: Usd | None
    output: Usd | None
    cache_read: Usd | None
    cache_write: Usd | None
    request: Usd | None
    """Dollars for each call, beside its tokens."""

    @classmethod
    def of(cls, rates: Rates) -> Self:
        return cls.model_validate({part.value: usd_of(rates, part) for part in Part})


class TierOut(RatesOut):
    above_input_tokens: int
    """Calls with more input tokens pay these rates for all of their tokens."""


class PriceOut(WireModel):
    provider: str
    model: str
    source: PriceSource
    rates: RatesOut
    """At present."""
    tiers: tuple[TierOut, ...]
    changes_with_time: bool
    """Whether other days or times of day have other prices: `explain` with `at` says which."""
    from_: Annotated[Utc | None, Field(alias="from")]
    to: Utc | None

    @classmethod
    def of(cls, price: ListedPrice, *, now: datetime) -> Self:
        cell = price.plan.at(int(now.timestamp())) or price.plan.first
        assert cell is not None  # noqa: S101 - a plan has a cell
        base, *tiers = cell.tiers
        return cls(
            provider=price.provider,
            model=price.model,
            source=price.source,
            rates=RatesOut.of(base),
            tiers=tuple(
                TierOut(above_input_tokens=above, **dict(RatesOut.of(rates)))
                for above, rates in zip(cell.above, tiers, strict=True)
            ),
            changes_with_time=price.source is PriceSource.BUNDLED and price.plan.only is None,
            from_=price.valid_from,
            to=price.valid_to,
        )


class PricePageOut(WireModel):
    items: tuple[PriceOut, ...]
    next_cursor: str | None

    @classmethod
    def of(cls, page: Page[ListedPrice], *, now: datetime) -> Self:
        return cls(items=tuple(PriceOut.of(one, now=now) for one in page.items), next_cursor=page.next_cursor)


class OverridesOut(WireModel):
    """The prices that a workspace set itself."""

    version: int
    """0: none were set, or those of the answer are not stored."""
    digest: str | None
    price_version: str
    """What runs that are priced with them carry."""
    applied_at: Utc | None
    prices: tuple[EntryFile, ...]

    @classmethod
    def of(cls, overrides: Overrides) -> Self:
        return cls(
            version=overrides.version,
            digest=overrides.digest or None,
            price_version=version_of(overrides),
            applied_at=overrides.applied_at,
            prices=PriceFile.of(overrides.entries).prices,
        )


class AppliedPricesOut(OverridesOut):
    is_new: bool
    """False when the same prices counted already: nothing was stored."""

    @classmethod
    def of_applied(cls, applied: AppliedPrices) -> Self:
        return cls(**dict(OverridesOut.of(applied.overrides)), is_new=applied.is_new)


class ExplainQuery(WireModel):
    """One call, as telemetry says it."""

    provider: Annotated[str, Field(max_length=512)] = ""
    model: Annotated[str, Field(min_length=1, max_length=512)]
    input_tokens: Tokens = 0
    """Those read from and written to a cache included."""
    cached_input_tokens: Tokens = 0
    cache_write_tokens: Tokens = 0
    output_tokens: Tokens = 0
    """Reasoning included."""
    at: Utc | None = None
    """When the call ended; now unless said."""

    def usage_at(self, now: datetime) -> Usage:
        return Usage(
            provider=self.provider,
            model=self.model,
            at_s=int((self.at or now).timestamp()),
            input_tokens=self.input_tokens,
            cached_input_tokens=self.cached_input_tokens,
            cache_write_tokens=self.cache_write_tokens,
            output_tokens=self.output_tokens,
        )


class PartOut(WireModel):
    part: Part
    count: int
    """Tokens; requests for the part `request`."""
    usd_per_million: Usd
    """Dollars a million tokens; for the part `request`, dollars a request."""
    cost_usd: Usd


class ExplanationOut(WireModel):
    provider: str
    """As the list of prices calls what was asked for."""
    model: str
    is_priced: bool
    reason: str
    """Which price counts, or why none does."""
    source: PriceSource | None
    listed_provider: str | None
    listed_model: str | None
    above_input_tokens: int | None
    """The tier that counts; `null`: none."""
    parts: tuple[PartOut, ...]
    cost_nano_usd: int | None
    """Billionths of a dollar, rounded once, half to even."""
    cost_usd: Usd | None
    price_version: str

    @classmethod
    def of(cls, explained: Explanation, usage: Usage) -> Self:
        cell, rates, cost = explained.cell, explained.rates, explained.quote.cost_nano_usd
        tier = 0 if cell is None or rates is None else cell.tiers.index(rates)
        return cls(
            provider=explained.provider,
            model=explained.model,
            is_priced=cost is not None,
            reason=_reason_of(explained, usage),
            source=cell.origin.source if cell else None,
            listed_provider=cell.origin.provider if cell else None,
            listed_model=cell.origin.model if cell else None,
            above_input_tokens=cell.above[tier - 1] if cell and tier else None,
            parts=tuple(_parts_of(rates, usage)) if rates is not None and cost is not None else (),
            cost_nano_usd=cost,
            cost_usd=None if cost is None else Decimal(cost) / _NANO,
            price_version=explained.quote.price_version,
        )


def _parts_of(rates: Rates, usage: Usage) -> Sequence[PartOut]:
    plain = max(usage.input_tokens - usage.cached_input_tokens - usage.cache_write_tokens, 0)
    counts = {
        Part.INPUT: plain,
        Part.CACHE_READ: usage.cached_input_tokens,
        Part.CACHE_WRITE: usage.cache_write_tokens,
        Part.OUTPUT: usage.output_tokens,
        Part.REQUEST: 1,
    }
    parts = []
    for part, count in counts.items():
        usd = usd_of(rates, part)
        if usd is None and part in {Part.CACHE_READ, Part.CACHE_WRITE}:
            usd = usd_of(rates, Part.INPUT)
        if not count or usd is None:
            continue
        cost = usd * count if part is Part.REQUEST else usd * count / 1_000_000
        parts.append(PartOut(part=part, count=count, usd_per_million=usd, cost_usd=cost))
    return parts


def _reason_of(explained: Explanation, usage: Usage) -> str:
    cell, rates = explained.cell, explained.rates
    if cell is None or rates is None:
        return "No price list names this provider and model at this time: the call is unpriced."
    found = f"{cell.origin.provider} {cell.origin.model}"
    whose = "set by this workspace" if cell.origin.source is PriceSource.OVERRIDE else "of the bundled list"
    if explained.quote.cost_nano_usd is not None:
        return f"The price of {found}, {whose}."
    if not (usage.input_tokens or usage.output_tokens):
        return f"There is a price of {found}, {whose}, but a call without tokens says nothing: it is unpriced."
    return f"The price of {found}, {whose}, does not cover all that was used: the call is unpriced."
