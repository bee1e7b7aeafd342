"""Many calls at once: what they used, as columns, and what they cost under the rates of one model. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from tidegate.signals.prices.model import Usage
from tidegate.signals.prices.plans import MAX_COST_NANO_USD, Rates, cost_of
from tidegate.storage.native import Numbers

UNPRICED: Final = -1
_MOST: Final = 2**62  # of a total before it is divided by the scale: beyond it whole numbers of 64 bits run over


@dataclass(frozen=True, slots=True)
class Calls:
    """What calls used; the places of all columns belong together."""

    providers: Sequence[str]
    models: Sequence[str]
    provider_codes: Numbers
    """Place of each call's provider in `providers`."""
    model_codes: Numbers
    at_s: Numbers
    input_tokens: Numbers
    """Those read from and written to a cache included."""
    cached_input_tokens: Numbers
    cache_write_tokens: Numbers
    output_tokens: Numbers

    def __len__(self) -> int:
        return len(self.at_s)

    def by_model(self) -> Iterator[tuple[str, str, Numbers]]:
        """Yield each provider and model, and the places of its calls."""
        pairs = self.provider_codes.astype(np.int64) * len(self.models) + self.model_codes
        order = np.argsort(pairs, kind="stable")
        different, starts = np.unique(pairs[order], return_index=True)
        for pair, start, end in zip(different.tolist(), starts, [*starts[1:], len(order)], strict=False):
            provider, model = divmod(pair, len(self.models))
            yield self.providers[provider], self.models[model], order[start:end]

    def usages(self, places: Numbers) -> Iterator[Usage]:
        columns = (
            self.at_s, self.input_tokens, self.cached_input_tokens, self.cache_write_tokens, self.output_tokens,
        )  # fmt: skip
        providers = [self.providers[code] for code in self.provider_codes[places].tolist()]
        models = [self.models[code] for code in self.model_codes[places].tolist()]
        figures: list[list[int]] = [column[places].tolist() for column in columns]
        for provider, model, *used in zip(providers, models, *figures, strict=True):
            yield Usage(provider, model, *used)

    def costs_of(self, places: Numbers, rates: Rates) -> Numbers:
        """Return what `cost_of` says of each call at `places`, `UNPRICED` for `None`."""
        columns = (self.input_tokens, self.cached_input_tokens, self.cache_write_tokens, self.output_tokens)
        used = [column[places] for column in columns]
        most = sum(int(column.max(initial=0)) for column in used) * max(rates) + rates.request
        if most >= _MOST:
            told = [cost_of(rates, *call) for call in zip(*(column.tolist() for column in used), strict=True)]
            return np.array([UNPRICED if cost is None else cost for cost in told], np.int64)
        inputs, cached, written, outputs = (column.astype(np.int64) for column in used)
        scale, per_input, per_read, per_write, per_output, per_request = rates
        unknown = (inputs == 0) & (outputs == 0) & bool(per_input or per_output)
        unknown |= ((per_input < 0) & (inputs > 0)) | ((per_output < 0) & (outputs > 0))
        total = (
            np.maximum(inputs - cached - written, 0) * per_input
            + cached * (per_read if per_read >= 0 else per_input)
            + written * (per_write if per_write >= 0 else per_input)
            + outputs * per_output
            + max(per_request, 0)
        )
        whole, rest = np.divmod(total, scale)
        whole += (rest * 2 > scale) | ((rest * 2 == scale) & (whole % 2 == 1))
        return np.where(unknown | (whole > MAX_COST_NANO_USD), UNPRICED, whole)
