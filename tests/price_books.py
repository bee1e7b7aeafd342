"""Books of tests: they say what one call costs, and are asked for many."""

from abc import ABC, abstractmethod

import numpy as np

from tidegate.signals.prices.calls import UNPRICED, Calls
from tidegate.signals.prices.model import Quote, Usage
from tidegate.storage.native import Numbers


class QuotingBook(ABC):
    """Quotes one call at a time, in one version."""

    @abstractmethod
    def quote(self, usage: Usage, /) -> Quote: ...

    @property
    def version(self) -> str:
        return self.quote(Usage("", "", 0, 0, 0, 0, 0)).price_version

    def costs(self, calls: Calls, /) -> Numbers:
        told = [self.quote(usage).cost_nano_usd for usage in calls.usages(np.arange(len(calls)))]
        return np.array([UNPRICED if cost is None else cost for cost in told], np.int64)
