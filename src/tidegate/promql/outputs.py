"""What rules write: recorded series with the markers of their end, and `ALERTS`."""

from collections.abc import Iterator, Sequence

import numpy as np

from tidegate.promql.alerting import FIRING, PENDING, States
from tidegate.promql.rule_files import Rule
from tidegate.promql.series import (
    METRIC_NAME,
    STALE,
    Floats,
    Labels,
    Matcher,
    MemorySource,
    Moments,
    Series,
    SeriesSource,
    labels_of,
)
from tidegate.promql.vectors import Mask

__all__ = ["RecordedSource", "alert_series", "recorded_labels", "recorded_series"]


class RecordedSource:
    """What a source holds, and what rules have recorded over it."""

    def __init__(self, source: SeriesSource) -> None:
        self._source = source
        self._recorded = MemorySource()

    def put(self, series: Series) -> None:
        held = self._recorded.series.get(series.labels)
        self._recorded.put(series if held is None else _union(held, series))

    def add(self, labels: Labels, moment: int, value: float) -> None:
        self._recorded.add(labels, moment, value)

    def select(self, matchers: Sequence[Matcher], start_ms: int, end_ms: int) -> Sequence[Series]:
        there = self._source.select(matchers, start_ms, end_ms)
        recorded = self._recorded.select(matchers, start_ms, end_ms)
        if not recorded:
            return there
        found = {series.labels: series for series in there}
        for series in recorded:
            held = found.get(series.labels)
            found[series.labels] = series if held is None else _union(held, series)
        return [found[labels] for labels in sorted(found)]


def _union(one: Series, other: Series) -> Series:
    """Return the samples of both; where both have one, that of `one`, which was there first."""
    moments, places = np.unique(np.concatenate([one.moments, other.moments]), return_index=True)
    return Series(one.labels, moments, np.concatenate([one.values, other.values])[places])


def recorded_labels(rule: Rule, labels: Labels) -> Labels:
    """Return the labels of a series that a recording rule makes of `labels`."""
    return labels_of({**dict(labels), **{n: t.source for n, t in rule.labels.items()}, METRIC_NAME: rule.name})


def recorded_series(labels: Labels, values: Floats, present: Mask, *, answered: Mask, moments: Moments) -> Series:
    """Return what stands in storage: at the first answer without the series, the marker of its end."""
    asked = np.flatnonzero(answered)
    there = present[asked]
    ended = asked[1:][there[:-1] & ~there[1:]]
    written = present.copy()
    written[ended] = True
    kept = values.copy()
    kept[ended] = STALE
    return Series(labels, moments[written], kept[written])


def alert_series(labels: Labels, rule: Rule, states: States, *, answered: Mask, moments: Moments) -> Iterator[Series]:
    """Yield `ALERTS` and `ALERTS_FOR_STATE` of one alert."""
    # As in Prometheus, whose builder begins with the labels as the rule writes them.
    base = {**{name: template.source for name, template in rule.labels.items()}, **dict(labels)}
    ones = np.ones(moments.size)
    for state, word in ((PENDING, "pending"), (FIRING, "firing")):
        there = (states.states == state) & answered
        if there.any():
            named = labels_of({**base, METRIC_NAME: "ALERTS", "alertstate": word})
            yield recorded_series(named, ones, there, answered=answered, moments=moments)
    active = (states.states > 0) & answered
    if active.any():
        named = labels_of({**base, METRIC_NAME: "ALERTS_FOR_STATE"})
        since = np.floor_divide(states.active_at, 1000).astype(np.float64)
        yield recorded_series(named, since, active, answered=answered, moments=moments)
