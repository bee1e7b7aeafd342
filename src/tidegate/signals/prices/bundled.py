"""The bundled price list: `genai-prices`, pinned, as it was installed. Nothing is ever fetched.

Loaded at the first question, because it takes 90 ms and 22 MB; its own calculation takes 60 µs a call, so what it says
is compiled to plans once a model. `tests/unit/signals/prices` pins both to the same figures.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, time
from functools import lru_cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Final

from tidegate.signals.prices.model import PriceSource, UsdRates
from tidegate.signals.prices.plans import Cell, Origin, Plan, cell_of
from tidegate.signals.prices.providers import model_names, provider_in_model

if TYPE_CHECKING:
    from decimal import Decimal

    from genai_prices.types import ModelInfo, ModelPrice, Provider, TieredPrices

_PER_TOKEN: Final = ("input_mtok", "output_mtok", "cache_read_mtok", "cache_write_mtok")
_PER_THOUSAND_REQUESTS: Final = "requests_kcount"
_EVER: Final = -(2**63)
_LONG_AGO: Final = datetime(2000, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=1)
def bundled_version() -> str:
    """Return the name of the list, for the price version of a run. Cheap: nothing of it is loaded."""
    return f"genai-prices-{version('genai-prices')}"


class BundledPrices:
    """Finds models in the list. One a process; reading it needs no lock, a plan made twice is the same."""

    def __init__(self) -> None:
        # The list itself, never a `get_snapshot`: whoever may update that in this process does not change our prices.
        from genai_prices.data import providers

        self._providers: list[Provider] = providers
        self._by_id = {provider.id: provider for provider in providers}
        self._plans: dict[tuple[str, str], Plan | None] = {}

    def find(self, provider: str, model: str) -> Plan | None:
        """Return the plan of a model, both names canonical; `None` when the list has no token price for it."""
        found = self._find_model(provider, model)
        if found is None:
            return None
        key = (found[0].id, found[1].id)
        if key not in self._plans:
            self._plans[key] = _plan_of(*found)
        return self._plans[key]

    def names(self) -> Iterator[tuple[str, str]]:
        """Return provider and model of everything in the list, in its order."""
        for provider in self._providers:
            for model in provider.models:
                yield provider.id, model.id

    def listed(self, provider: str, model: str) -> Plan | None:
        """Return the plan of a model by its names in the list."""
        for info in self._by_id[provider].models:
            if info.id == model:
                return _plan_of(self._by_id[provider], info)
        return None

    def _find_model(self, provider: str, model: str) -> tuple[Provider, ModelInfo] | None:
        for name in model_names(model):
            found = self._find_named(provider, name)
            if found is not None:
                return found
        return None

    def _find_named(self, provider_id: str, name: str) -> tuple[Provider, ModelInfo] | None:
        if not provider_id:
            return self._find_unprovided(name)
        provider = self._by_id.get(provider_id) or self._matching(provider_id)
        if provider is None:
            return None
        model = provider.find_model(name, all_providers=self._providers)
        if model is None:
            # `anthropic/claude-sonnet-4-5` sent with the provider `anthropic` beside it.
            inner = provider_in_model(name)
            if inner is None or inner[0] != provider.id:
                return None
            model = provider.find_model(inner[1], all_providers=self._providers)
        return None if model is None else (provider, model)

    def _find_unprovided(self, name: str) -> tuple[Provider, ModelInfo] | None:
        inner = provider_in_model(name)
        if inner is not None and inner[0] in self._by_id:
            return self._find_named(*inner)
        for provider in self._providers:
            if provider.model_match is not None and provider.model_match.is_match(name):
                model = provider.find_model(name, all_providers=self._providers)
                return None if model is None else (provider, model)
        return None

    def _matching(self, provider_id: str) -> Provider | None:
        for provider in self._providers:
            if provider.provider_match is not None and provider.provider_match.is_match(provider_id):
                return provider
        return None


def _plan_of(provider: Provider, model: ModelInfo) -> Plan | None:
    """Ask the list what counts at each moment from which something else may count, and keep the answers."""
    from genai_prices.types import ModelPrice, StartDateConstraint, TimeOfDateConstraint

    origin = Origin(PriceSource.BUNDLED, provider.id, model.id)
    if isinstance(model.prices, ModelPrice):
        cell = _cell_of(model.prices, origin)
        return None if cell is None else Plan.always(cell)
    days, times = {_EVER}, {0}
    for price in model.prices:
        if isinstance(price.constraint, StartDateConstraint):
            days.add(int(datetime.combine(price.constraint.start_date, time(), UTC).timestamp()))
        elif isinstance(price.constraint, TimeOfDateConstraint):
            times |= {_second_of_day(price.constraint.start_time), _second_of_day(price.constraint.end_time)}
    cells = [
        [_cell_of(model.get_prices(_moment(day, second)), origin) for second in sorted(times)] for day in sorted(days)
    ]
    if not any(cell for row in cells for cell in row):
        return None
    return Plan.of(sorted(days), sorted(times), cells)


def _cell_of(price: ModelPrice, origin: Origin) -> Cell | None:
    """Return the token prices of `price`; `None` when it has none: it is for pictures, sounds or pages."""
    stored: dict[str, Decimal | TieredPrices | None] = vars(price)
    given = [stored.get(key) for key in _PER_TOKEN]
    if given[0] is None and given[1] is None:
        return None
    starts = sorted({tier.start for value in given for tier in getattr(value, "tiers", ())})
    per_thousand = stored.get(_PER_THOUSAND_REQUESTS)
    request = None if per_thousand is None else _at(per_thousand, 0) / 1_000

    def rates_at(input_tokens: int) -> UsdRates:
        at = [None if value is None else _at(value, input_tokens) for value in given]
        return UsdRates(input=at[0], output=at[1], cache_read=at[2], cache_write=at[3], request=request)

    return cell_of(rates_at(0), [(start, rates_at(start + 1)) for start in starts], origin)


def _at(value: Decimal | TieredPrices, input_tokens: int) -> Decimal:
    """Return the price of a call with so many input tokens: of the highest tier that begins below them."""
    from genai_prices.types import TieredPrices

    if not isinstance(value, TieredPrices):
        return value
    return next((tier.price for tier in reversed(value.tiers) if input_tokens > tier.start), value.base)


def _second_of_day(moment: time) -> int:
    aware = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
    at = datetime.combine(_LONG_AGO.date(), aware).astimezone(UTC)
    return at.hour * 3_600 + at.minute * 60 + at.second


def _moment(day: int, second: int) -> datetime:
    start = _LONG_AGO.timestamp() if day == _EVER else day
    return datetime.fromtimestamp(start + second, UTC)
