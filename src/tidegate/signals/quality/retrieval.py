"""Retrieval metrics, as trec_eval counts them. Pure.

Documents are ranked by score, ties by their id, the greater first. Queries count that are both judged and answered;
a mean is over them. A judged level above 0 is relevant. nDCG gains are the levels, discounted by log2(rank + 1).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

from tidegate.signals.quality.trec import Judgements, Run

CUTS: Final = (1, 5, 10, 20, 100)


@dataclass(frozen=True, slots=True)
class QueryMetrics:
    """How one query was answered; names are those of trec_eval."""

    query: str
    retrieved: int
    relevant: int
    relevant_retrieved: int
    figures: dict[str, float]


@dataclass(frozen=True, slots=True)
class RetrievalMetrics:
    """All queries of a run."""

    queries: tuple[QueryMetrics, ...]
    unanswered: tuple[str, ...]
    """Judged, without a line in the run: they count nowhere, as in trec_eval, so they are named."""
    unjudged: tuple[str, ...]

    def means(self) -> dict[str, float] | None:
        """Return the mean of each figure; `None` without a query: nothing was measured."""
        if not self.queries:
            return None
        return {
            name: math.fsum(query.figures[name] for query in self.queries) / len(self.queries)
            for name in self.queries[0].figures
        }


def measure(judgements: Judgements, run: Run, *, cuts: Sequence[int] = CUTS) -> RetrievalMetrics:
    """Return the metrics of a run against judgements; `cuts` are the ranks of recall@k, P@k and nDCG@k."""
    both = sorted(judgements.keys() & run.keys())
    return RetrievalMetrics(
        tuple(_measure_query(query, judgements[query], run[query], cuts) for query in both),
        unanswered=tuple(sorted(judgements.keys() - run.keys())),
        unjudged=tuple(sorted(run.keys() - judgements.keys())),
    )


def ranked(scores: Mapping[str, float]) -> list[str]:
    """Return documents in the order of an answer: by score, ties by id, both descending."""
    return sorted(scores, key=lambda document: (scores[document], document.encode()), reverse=True)


def _measure_query(
    query: str, judged: Mapping[str, int], scores: Mapping[str, float], cuts: Sequence[int]
) -> QueryMetrics:
    levels = [max(judged.get(document, 0), 0) for document in ranked(scores)]
    ideal = sorted((level for level in judged.values() if level > 0), reverse=True)
    relevant = len(ideal)
    hits = list(accumulate(int(level > 0) for level in levels))
    figures = {
        "map": _ratio(math.fsum(hits[i] / (i + 1) for i, level in enumerate(levels) if level), relevant),
        "recip_rank": next((1 / rank for rank, level in enumerate(levels, start=1) if level), 0.0),
        "ndcg": _ratio(_gain(levels), _gain(ideal)),
    }
    for cut in cuts:
        found = hits[min(cut, len(hits)) - 1] if hits else 0
        figures[f"P_{cut}"] = found / cut
        figures[f"recall_{cut}"] = _ratio(found, relevant)
        figures[f"ndcg_cut_{cut}"] = _ratio(_gain(levels[:cut]), _gain(ideal[:cut]))
    return QueryMetrics(query, len(levels), relevant, hits[-1] if hits else 0, figures)


def _gain(levels: Sequence[int]) -> float:
    return math.fsum(level / math.log2(rank + 1) for rank, level in enumerate(levels, start=1) if level)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
