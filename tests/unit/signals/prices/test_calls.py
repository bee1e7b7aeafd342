"""Many calls at once cost what each of them costs alone."""

from collections.abc import Sequence

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tidegate.signals.prices.book import PriceBook
from tidegate.signals.prices.bundled import BundledPrices
from tidegate.signals.prices.calls import UNPRICED, Calls
from tidegate.signals.prices.model import Usage

BUNDLED = BundledPrices()
BOOK = PriceBook(BUNDLED)
LISTED = sorted(set(BUNDLED.names()))
COUNTS = st.one_of(
    st.sampled_from([0, 1, 128_000, 200_000, 200_001]), st.integers(0, 2_000_000), st.integers(0, 2**64 - 1)
)


@st.composite
def usages(draw: st.DrawFn) -> Usage:
    names = st.one_of(st.sampled_from(LISTED), st.sampled_from([("", "gpt-4o"), ("openai", ""), ("x", "unknown")]))
    provider, model = draw(names)
    at_s = draw(st.integers(1_600_000_000, 2_000_000_000))
    return Usage(provider, model, at_s, draw(COUNTS), draw(COUNTS), draw(COUNTS), draw(COUNTS))


def calls_of(asked: Sequence[Usage]) -> Calls:
    providers, models = sorted({one.provider for one in asked}), sorted({one.model for one in asked})
    return Calls(
        providers,
        models,
        np.array([providers.index(one.provider) for one in asked], np.int32),
        np.array([models.index(one.model) for one in asked], np.int32),
        *(np.array([one[place] for one in asked], np.uint64) for place in range(2, 7)),
    )


def alone(asked: Sequence[Usage]) -> list[int]:
    return [UNPRICED if (cost := BOOK.quote(one).cost_nano_usd) is None else cost for one in asked]


@given(st.lists(usages(), max_size=12))
def test_calls_cost_together_what_they_cost_alone(asked: list[Usage]) -> None:
    assert BOOK.costs(calls_of(asked)).tolist() == alone(asked)


def test_every_listed_model_costs_the_same_together_and_alone() -> None:
    figures = [(0, 0, 0, 0), (1, 0, 0, 1), (999, 1, 0, 333), (250_000, 9_999, 5, 7), (10, 20, 30, 40)]
    asked = [Usage(*name, 1_790_000_000 + 3_600 * place, *one) for place, one in enumerate(figures) for name in LISTED]
    told = BOOK.costs(calls_of(asked)).tolist()
    assert told == alone(asked)
    assert sum(cost > 0 for cost in told) > 1_000
