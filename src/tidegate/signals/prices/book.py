"""The prices of one workspace: its own first, the bundled list where it has none."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tidegate.signals.prices.bundled import BundledPrices, bundled_version
from tidegate.signals.prices.calls import UNPRICED, Calls
from tidegate.signals.prices.model import NO_OVERRIDES, Overrides, PriceEntry, PriceSource, Quote, Usage
from tidegate.signals.prices.plans import Cell, Plan, Rates, cost_of, entry_plan
from tidegate.signals.prices.providers import canonical_model, canonical_provider, model_names, provider_in_model
from tidegate.storage.native import Numbers

_MAX_PLANS = 65_536  # a sender that names a new model in every span must not fill the memory: 10 MB
_DIGEST_CHARACTERS = 12


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a cost came about."""

    provider: str
    model: str
    cell: Cell | None
    rates: Rates | None
    quote: Quote


@dataclass(frozen=True, slots=True)
class ListedPrice:
    """One line of the list."""

    provider: str
    model: str
    source: PriceSource
    plan: Plan
    valid_from: datetime | None
    valid_to: datetime | None


class PriceBook:
    """Quotes calls. Never changes: new prices are a new book."""

    def __init__(self, bundled: BundledPrices, overrides: Overrides = NO_OVERRIDES) -> None:
        self._bundled = bundled
        self._overrides = overrides
        self._plans: dict[tuple[str, str], Plan | None] = {}
        self.version = version_of(overrides)
        """Names the list and the overrides: equal versions quote equally."""
        self._unpriced = Quote(None, self.version)

    @property
    def overrides(self) -> Overrides:
        return self._overrides

    def quote(self, usage: Usage) -> Quote:
        """Return what a call costs. Never raises; what is not known is unpriced."""
        provider, model, at_s, input_tokens, cached, written, output_tokens = usage
        plan = self._plan(provider, model)
        if plan is None:
            return self._unpriced
        cell = plan.only or plan.at(at_s)
        if cell is None:
            return self._unpriced
        rates = cell.tier_of(input_tokens) if cell.above else cell.tiers[0]
        cost = cost_of(rates, input_tokens, cached, written, output_tokens)
        return self._unpriced if cost is None else Quote(cost, self.version)

    def costs(self, calls: Calls) -> Numbers:
        """Return what `quote` says of each of many calls, in billionths of a dollar, and `UNPRICED` for `None`."""
        found: Numbers = np.full(len(calls), UNPRICED, np.int64)
        for provider, model, places in calls.by_model():
            plan = self._plan(provider, model)
            if plan is None:
                continue
            if plan.only is None:
                found[places] = [
                    UNPRICED if (cost := self.quote(usage).cost_nano_usd) is None else cost
                    for usage in calls.usages(places)
                ]
                continue
            tiers = np.searchsorted(plan.only.above, calls.input_tokens[places], "left")
            for tier in np.unique(tiers).tolist():
                own = places[tiers == tier]
                found[own] = calls.costs_of(own, plan.only.tiers[tier])
        return found

    def explain(self, usage: Usage) -> Explanation:
        """Return what `quote` says, and why."""
        plan = self._find(usage.provider, usage.model)
        cell = None if plan is None else plan.at(usage.at_s)
        rates = None if cell is None else cell.tier_of(usage.input_tokens)
        return Explanation(
            canonical_provider(usage.provider), canonical_model(usage.model), cell, rates, self.quote(usage)
        )

    def listed(self) -> Iterator[tuple[str, str, PriceEntry | None]]:
        """Return the overrides, then provider and model of everything in the bundled list."""
        for entry in self._overrides.entries:
            yield entry.provider, entry.model, entry
        for provider, model in self._bundled.names():
            yield provider, model, None

    def plan_of_listed(self, provider: str, model: str, entry: PriceEntry | None) -> Plan | None:
        return entry_plan([entry], None) if entry is not None else self._bundled.listed(provider, model)

    def _plan(self, provider: str, model: str) -> Plan | None:
        try:
            return self._plans[provider, model]
        except KeyError:
            return self._find(provider, model)

    def _find(self, spelled_provider: str, spelled_model: str) -> Plan | None:
        provider, model = canonical_provider(spelled_provider), canonical_model(spelled_model)
        plan = None
        if model:
            below = self._bundled.find(provider, model)
            plan = entry_plan(self._covering(provider, model, below), below)
        if len(self._plans) >= _MAX_PLANS:
            self._plans.clear()
        self._plans[spelled_provider, spelled_model] = plan
        return plan

    def _covering(self, provider: str, model: str, below: Plan | None) -> list[PriceEntry]:
        """Return the overrides of a model, the one that counts most first."""
        if not self._overrides.entries:
            return []
        names = {(provider, name) for name in model_names(model)}
        if not provider:  # a framework sent it: the model names its provider, or the list knows whose it is
            inner = provider_in_model(model)
            names |= {inner} if inner is not None else set()
            names |= {(cell.origin.provider, model) for cell in [below.first] if cell} if below is not None else set()
        found = [entry for entry in self._overrides.entries if any(entry.covers(*name) for name in names)]
        return sorted(found, key=lambda entry: entry.precision, reverse=True)


def version_of(overrides: Overrides) -> str:
    if not overrides.entries:
        return bundled_version()
    return f"{bundled_version()}+{overrides.digest.partition(':')[2][:_DIGEST_CHARACTERS]}"
