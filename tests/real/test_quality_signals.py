"""Retrieval metrics against trec_eval's own output, and citation coverage against annotated claims."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from tidegate.signals.quality.citations import support_of
from tidegate.signals.quality.retrieval import measure
from tidegate.signals.quality.trec import read_judgements, read_run

pytestmark = pytest.mark.real
CUTS = (5, 10, 15, 20, 30, 100, 200, 500, 1000)


def test_every_metric_of_every_query_is_that_of_trec_eval_to_four_decimals(data_folder: Path) -> None:
    folder = data_folder / "retrieval-metrics"
    found = measure(
        read_judgements((folder / "qrels.test").read_text()), read_run((folder / "results.test").read_text()), cuts=CUTS
    )
    figures = {query.query: query.figures for query in found.queries} | {"all": found.means() or {}}
    expected = [line.split() for line in (folder / "out.test.aq").read_text().splitlines()]
    compared = [(query, name, value) for name, query, value in expected if name in figures.get(query, {})]
    assert len(compared) == 120
    assert [(query, name, f"{figures[query][name]:.4f}") for query, name, _ in compared] == compared


def area_under_curve(positive: Sequence[float], negative: Sequence[float]) -> float:
    return sum((p > n) + 0.5 * (p == n) for p in positive for n in negative) / len(positive) / len(negative)


def test_overlap_tells_supported_claims_as_well_as_the_set_says_it_does(data_folder: Path) -> None:
    with gzip.open(data_folder / "citations-wice" / "dev.claims.jsonl.gz", "rt", encoding="utf-8") as lines:
        claims = [json.loads(line) for line in lines]
    found = [(own, support_of(own["claim"], own["evidence"])) for own in claims]
    overlaps = {
        label: [f.overlap for own, f in found if own["label"] == label] for label in {c["label"] for c in claims}
    }
    supported, partly, not_at_all = (overlaps[label] for label in ("supported", "partially_supported", "not_supported"))
    assert area_under_curve(supported, [*partly, *not_at_all]) == pytest.approx(0.727, abs=0.003)
    assert area_under_curve([*supported, *partly], not_at_all) == pytest.approx(0.833, abs=0.003)
    annotated = [(set(sum(own["supporting_sentences"], [])), f.best) for own, f in found]  # noqa: RUF017 - short lists
    right = [best in sentences for sentences, best in annotated if sentences]
    assert sum(right) / len(right) == pytest.approx(0.815, abs=0.005)
