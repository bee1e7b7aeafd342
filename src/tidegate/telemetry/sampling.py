"""How many spans one stands for, from the consistent probability sampling of OpenTelemetry. Pure."""

import re
from functools import lru_cache
from typing import Final, NamedTuple

_THRESHOLD: Final = re.compile(r"(?:^|,) *ot=(?:[^,]*;)?th:([0-9a-f]{1,14})(?:[;, ]|$)")
_SAMPLES: Final = re.compile(r"(?:^|,) *ot=(?:[^,]*;)?(?:th|p):")
_WHOLE: Final = 2**56  # of the threshold in a trace state
_MAX_MILLI: Final = 4_000_000_000  # what the column holds


class Weight(NamedTuple):
    """What a span counts for."""

    milli: int
    """In thousandths."""
    is_sampled: bool
    """Whether it says that others were left out, but not how many."""


PLAIN_WEIGHT: Final = Weight(1_000, is_sampled=False)


@lru_cache(maxsize=1_024)
def weight_of(trace_state: str) -> Weight:
    """Return the adjusted count that `trace_state` says."""
    found = _THRESHOLD.search(trace_state)
    if found is None:
        return Weight(1_000, is_sampled=_SAMPLES.search(trace_state) is not None)
    rejected = int(found[1].ljust(14, "0"), 16)
    return Weight(min(round(1_000 * _WHOLE / (_WHOLE - rejected)), _MAX_MILLI), is_sampled=False)
