"""Prices as whole numbers: what a model costs at any moment, ready to be multiplied. Pure.

A price in dollars a million tokens is a thousand times as many billionths of a dollar a token. That may have a
fraction, so all rates of a plan stand over one power of ten, `scale`: sums are exact, and one rounding, half to even,
ends the calculation.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, NamedTuple

from tidegate.signals.prices.model import Part, PriceEntry, PriceSource, UsdRates

MAX_COST_NANO_USD: Final = 10**15  # a million dollars for one call is a broken sender, and would overflow sums
NO_PRICE: Final = -1
_DAY_S: Final = 86_400
_NANO_A_TOKEN: Final = Decimal(1_000)  # of one dollar a million tokens
_NANO_A_REQUEST: Final = Decimal(1_000_000_000)
_EVER: Final = -(2**63)


class Rates(NamedTuple):
    """Billionths of a dollar a token and a request, times `scale`; `NO_PRICE` where there is none.

    Cached tokens without a price of their own cost what input costs.
    """

    scale: int
    input: int
    cache_read: int
    cache_write: int
    output: int
    request: int


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a price comes from."""

    source: PriceSource
    provider: str
    model: str
    """The name in the price list, which a sender's spelling led to."""


@dataclass(frozen=True, slots=True)
class Cell:
    """The rates at one time: those of `above[n - 1] < input tokens` are `tiers[n]`."""

    above: tuple[int, ...]
    tiers: tuple[Rates, ...]
    origin: Origin

    def tier_of(self, input_tokens: int) -> Rates:
        return self.tiers[bisect_left(self.above, input_tokens)]


@dataclass(frozen=True, slots=True)
class Plan:
    """The cells of a model by day and time of day. Days begin at `days[n]`, in Unix seconds; times repeat each day."""

    days: tuple[int, ...]
    times: tuple[int, ...]
    cells: tuple[tuple[Cell | None, ...], ...]
    only: Cell | None
    """The one cell, when it counts at all times."""

    @classmethod
    def of(cls, days: Sequence[int], times: Sequence[int], cells: Sequence[Sequence[Cell | None]]) -> "Plan":
        is_plain = len(days) == len(times) == 1
        return cls(tuple(days), tuple(times), tuple(map(tuple, cells)), cells[0][0] if is_plain else None)

    @classmethod
    def always(cls, cell: Cell) -> "Plan":
        return cls.of([_EVER], [0], [[cell]])

    @property
    def first(self) -> Cell | None:
        """Return any of its cells."""
        return next((cell for row in self.cells for cell in row if cell is not None), None)

    def at(self, at_s: int) -> Cell | None:
        if self.only is not None:
            return self.only
        return self.cells[bisect_right(self.days, at_s) - 1][bisect_right(self.times, at_s % _DAY_S) - 1]


def cost_of(rates: Rates, input_tokens: int, cached: int, written: int, output_tokens: int) -> int | None:  # noqa: PLR0917 - called a thousand times a second, and by place
    """Return the cost of one call in billionths of a dollar; `None` when something used has no price."""
    scale, per_input, per_read, per_write, per_output, per_request = rates
    if not (input_tokens or output_tokens) and (per_input or per_output):
        return None  # a call without usage is a sender that does not say it, no free call
    # A sender whose parts are larger than the whole: each token costs once, at the price of its part.
    plain = max(input_tokens - cached - written, 0)
    if (per_input < 0 and input_tokens) or (per_output < 0 and output_tokens):
        return None
    total = (
        plain * per_input
        + cached * (per_read if per_read >= 0 else per_input)
        + written * (per_write if per_write >= 0 else per_input)
        + output_tokens * per_output
    )
    if per_request > 0:
        total += per_request
    whole, rest = divmod(total, scale)
    if rest * 2 > scale or (rest * 2 == scale and whole & 1):
        whole += 1
    return whole if whole <= MAX_COST_NANO_USD else None


def cell_of(base: UsdRates, tiers: Sequence[tuple[int, UsdRates]], origin: Origin) -> Cell:
    """Return the cell of rates and of tiers in rising order."""
    return Cell(
        tuple(above for above, _ in tiers), tuple(rates_of(each) for each in (base, *(own for _, own in tiers))), origin
    )


def rates_of(usd: UsdRates) -> Rates:
    """Return exact whole numbers for `usd`; where only a request has a price, its tokens are free."""
    if usd.request is not None and usd.input is None and usd.output is None:
        usd = UsdRates(input=Decimal(0), output=Decimal(0), request=usd.request)
    nano = (
        _times(usd.input, _NANO_A_TOKEN),
        _times(usd.cache_read, _NANO_A_TOKEN),
        _times(usd.cache_write, _NANO_A_TOKEN),
        _times(usd.output, _NANO_A_TOKEN),
        _times(usd.request, _NANO_A_REQUEST),
    )
    digits = max((_fraction_digits(value) for value in nano if value is not None), default=0)
    scale = 10**digits
    return Rates(scale, *(NO_PRICE if value is None else int(value * scale) for value in nano))


def usd_of(rates: Rates, part: Part) -> Decimal | None:
    """Return the dollars a million tokens, or a request, that `rates` were made from."""
    value, unit = {
        Part.INPUT: (rates.input, _NANO_A_TOKEN),
        Part.CACHE_READ: (rates.cache_read, _NANO_A_TOKEN),
        Part.CACHE_WRITE: (rates.cache_write, _NANO_A_TOKEN),
        Part.OUTPUT: (rates.output, _NANO_A_TOKEN),
        Part.REQUEST: (rates.request, _NANO_A_REQUEST),
    }[part]
    return None if value == NO_PRICE else Decimal(value) / rates.scale / unit


def entry_plan(entries: Sequence[PriceEntry], below: Plan | None) -> Plan | None:
    """Return the plan of entries, the one that counts most first, over the plan that counts where none of them does."""
    if not entries:
        return below
    cells = [
        cell_of(
            entry.rates,
            [(tier.above, tier.rates.over(entry.rates)) for tier in entry.tiers],
            Origin(PriceSource.OVERRIDE, entry.provider, entry.model),
        )
        for entry in entries
    ]
    spans = [
        (
            _EVER if entry.valid_from is None else int(entry.valid_from.timestamp()),
            None if entry.valid_to is None else int(entry.valid_to.timestamp()),
        )
        for entry in entries
    ]
    days = sorted({_EVER, *(below.days if below else ()), *(own for span in spans for own in span if own is not None)})
    times = below.times if below else (0,)

    def cell_at(day: int, time: int) -> Cell | None:
        for (start, end), cell in zip(spans, cells, strict=True):
            if start <= day and (end is None or day < end):
                return cell
        if below is None:
            return None
        return below.cells[bisect_right(below.days, day) - 1][below.times.index(time)]

    return Plan.of(days, times, [[cell_at(day, time) for time in times] for day in days])


def _times(value: Decimal | None, unit: Decimal) -> Decimal | None:
    return None if value is None else value * unit


def _fraction_digits(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
