"""What a call used, what it costs, and the prices that a workspace sets itself. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Final, NamedTuple

ANY_PROVIDER: Final = "*"
WILDCARD: Final = "*"
"""At the end of a model name: every model that begins so."""


class Usage(NamedTuple):
    """What one call used. Input tokens include those read from and written to a cache; output includes reasoning."""

    provider: str
    model: str
    at_s: int
    input_tokens: int
    cached_input_tokens: int
    cache_write_tokens: int
    output_tokens: int


class Quote(NamedTuple):
    """What one call costs."""

    cost_nano_usd: int | None
    """`None`: unpriced. Never zero for want of knowledge."""
    price_version: str


class Part(StrEnum):
    """What a price is for; the values are the words of the wire."""

    INPUT = "input"
    CACHE_READ = "cacheRead"
    CACHE_WRITE = "cacheWrite"
    OUTPUT = "output"
    REQUEST = "request"


class PriceSource(StrEnum):
    """Whose price it is."""

    BUNDLED = "bundled"
    OVERRIDE = "override"


@dataclass(frozen=True, slots=True)
class UsdRates:
    """Dollars a million tokens, and dollars a request. `None`: there is no such price."""

    input: Decimal | None = None
    output: Decimal | None = None
    cache_read: Decimal | None = None
    cache_write: Decimal | None = None
    request: Decimal | None = None

    def over(self, base: "UsdRates") -> "UsdRates":
        """Return these rates with the gaps filled from `base`."""
        return UsdRates(
            *(theirs if own is None else own for own, theirs in zip(_values_of(self), _values_of(base), strict=True))
        )


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates of a call whose input is longer than `above` tokens: of all of its tokens, not of those above."""

    above: int
    rates: UsdRates


@dataclass(frozen=True, slots=True)
class PriceEntry:
    """A price that a workspace sets for a model, for a while."""

    provider: str
    """Canonical, or `ANY_PROVIDER`."""
    model: str
    """In lower case; ends in `WILDCARD` to mean every model that begins so."""
    rates: UsdRates
    tiers: tuple[Tier, ...] = ()
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    """The moment from which it no longer counts."""

    def covers(self, provider: str, model: str) -> bool:
        """Return whether this entry is about a model, both names canonical."""
        if self.provider not in {ANY_PROVIDER, provider}:
            return False
        if self.model.endswith(WILDCARD):
            return model.startswith(self.model[:-1])
        return model == self.model

    @property
    def precision(self) -> tuple[bool, bool, int]:
        """How exactly it says what it is about; of two that cover a model, the higher counts."""
        return self.provider != ANY_PROVIDER, not self.model.endswith(WILDCARD), len(self.model)

    def overlaps(self, other: "PriceEntry") -> bool:
        """Return whether both are about the same name at a same time."""
        if (self.provider, self.model) != (other.provider, other.model):
            return False
        return (self.valid_from or _FIRST) < (other.valid_to or _LAST) and (other.valid_from or _FIRST) < (
            self.valid_to or _LAST
        )


@dataclass(frozen=True, slots=True)
class Overrides:
    """The prices that a workspace set, in one version. Version 0 holds none."""

    version: int
    digest: str
    entries: tuple[PriceEntry, ...]
    applied_at: datetime | None


@dataclass(frozen=True, slots=True)
class AppliedPrices:
    overrides: Overrides
    is_new: bool
    """False when the same prices counted already."""


NO_OVERRIDES: Final = Overrides(0, "", (), None)
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)


def find_overlap(entries: Sequence[PriceEntry]) -> tuple[int, int] | None:
    """Return the positions of two entries that price the same name at the same time."""
    seen: dict[tuple[str, str], list[int]] = {}
    for position, entry in enumerate(entries):
        others = seen.setdefault((entry.provider, entry.model), [])
        for other in others:
            if entry.overlaps(entries[other]):
                return other, position
        others.append(position)
    return None


def _values_of(rates: UsdRates) -> tuple[Decimal | None, ...]:
    return rates.input, rates.output, rates.cache_read, rates.cache_write, rates.request
