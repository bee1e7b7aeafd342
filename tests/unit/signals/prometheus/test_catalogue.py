"""The metrics of the read API are those of `/metrics`, made of the same fields."""

import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from tidegate.signals.exposition import exposition_of
from tidegate.signals.model import Family, Totals, figures_of
from tidegate.signals.model.totals import TOTALS_FIELDS
from tidegate.signals.prometheus.model import CATALOGUE, MetricType, ReadingKind
from tidegate.signals.service import SPLITS, TIMED, RetainedFamily

NOT_ADDITIVE = re.compile(r"tidegate_(\w+_distrusted|retrieval_evaluated)_total")


def test_names_are_those_of_the_exposition() -> None:
    families = [
        RetainedFamily(
            family,
            figures_of(family, Totals(count=1, priced_count=1)),
            {one: {"x": 1} for _, one in SPLITS[family] if one != "source"},
            [(1.0, 1)] if family in TIMED else [],
        )
        for family in Family
        if family is not Family.RUNTIME
    ]
    lines = [line for line in exposition_of(families).decode().splitlines() if not line.startswith("#")]
    shown = {re.split(r"[{ ]", line)[0] for line in lines}
    shown = {name for name in shown if not name.endswith("_created")}
    told = {name for name, metric in CATALOGUE.items() if metric.type is not MetricType.GAUGE}
    assert told == {name for name in shown if not NOT_ADDITIVE.fullmatch(name)}


@given(st.lists(st.integers(0, 10**9), min_size=len(TOTALS_FIELDS), max_size=len(TOTALS_FIELDS)))
def test_counters_are_the_figures_of_the_same_totals(values: list[int]) -> None:
    totals = replace(Totals(*values), limit_micro=0)
    for metric in CATALOGUE.values():
        if metric.reading.kind is not ReadingKind.FIGURES:
            continue
        assert metric.sum is not None
        made = sum(sign * getattr(totals, field) for field, sign in metric.sum.signs) / metric.sum.divisor
        figure = figures_of(metric.reading.family, totals)[metric.help.partition(" ")[0]]
        assert made == figure, metric.name
