"""Evaluation scores in the spellings of those who send them, as data, and how attributes become evaluations. Pure.

Sources: OpenTelemetry's `gen_ai.evaluation.result`, OpenInference annotations and `eval.*`, OpenLIT, Langfuse scores.
"""

import math
import re
from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

EVENT_NAME: Final = "gen_ai.evaluation.result"

# Where a record says one evaluation; the first key that is there wins.
NAME: Final = ("gen_ai.evaluation.name", "evaluation.name", "eval.name", "annotation.name", "gen_ai.eval.name")
SCORE: Final = (
    "gen_ai.evaluation.score.value",
    "gen_ai.evaluation.score",
    "evaluation.score.value",
    "evaluation.score",
    "eval.score",
    "annotation.score",
    "gen_ai.eval.score",
)
LABEL: Final = (
    "gen_ai.evaluation.score.label",
    "gen_ai.evaluation.label",
    "evaluation.label",
    "eval.label",
    "annotation.label",
    "gen_ai.eval.label",
)
EXPLANATION: Final = (
    "gen_ai.evaluation.explanation",
    "evaluation.explanation",
    "eval.explanation",
    "annotation.explanation",
    "gen_ai.eval.explanation",
)
RESPONSE_ID: Final = ("gen_ai.response.id",)
ERROR: Final = ("error.type",)

# Where a record says several, each under its name: `eval.faithfulness.score`, or only `eval.faithfulness`.
NAMED_PREFIXES: Final = ("annotation.", "eval.", "gen_ai.eval.", "langfuse.score.", "langfuse.scores.")
_FIELDS: Final = {"score": "score", "value": "score", "label": "label", "explanation": "explanation"}
_RESERVED: Final = frozenset(
    {"name", "score", "label", "explanation", "id", "identifier", "annotator_kind", "source", "metadata"}
)

# JSON of a score, as exports of Langfuse and Phoenix write it -> as `POST /api/v1/evaluations` takes it.
JSON_FIELDS: Final[Mapping[str, str]] = {
    "value": "score",
    "stringValue": "label",
    "comment": "explanation",
    "observationId": "spanId",
    "timestamp": "time",
    "createdAt": "time",
    "trace_id": "traceId",
    "span_id": "spanId",
    "response_id": "responseId",
    "annotation_name": "name",
    "created_at": "time",
}
JSON_NESTED: Final = "result"
"""Phoenix puts score, label and explanation one level down."""

# Evaluations that mean the same -> the figure of the retrieval family that is their mean.
CITATION_COVERAGE: Final = frozenset(
    {"citation_coverage", "citations_coverage", "citation_recall", "attribution_coverage", "citation_completeness"}
)
GROUNDEDNESS: Final = frozenset(
    {
        "groundedness",
        "grounded",
        "faithfulness",
        "answer_faithfulness",
        "context_faithfulness",
        "response_groundedness",
        "factual_consistency",
        "rag_groundedness",
    }
)
MEASURES: Final[Mapping[str, frozenset[str]]] = {"citationCoverage": CITATION_COVERAGE, "groundedness": GROUNDEDNESS}

_MAX_NAME_CHARACTERS: Final = 200
_MAX_EVALUATIONS: Final = 64  # of one record
MAX_SCORE: Final = 1_000_000.0  # no scale reaches it; sums of a trillion of them still fit
_WORDS: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


class Evaluation(NamedTuple):
    """One judgement about one answer."""

    name: str
    """Canonical: `citation_coverage`, however it was written."""
    score: float | None
    label: str
    explanation: str
    response_id: str
    error: str


def canonical_name(spelled: str) -> str:
    """Return `citation_coverage` for `Citation Coverage`, `citationCoverage` and `citation-coverage`."""
    return "_".join(filter(None, _WORDS.split(spelled[:_MAX_NAME_CHARACTERS]))).lower()


def measure_of(name: str) -> str | None:
    """Return the figure that evaluations of this name are averaged into, `None` for a name of its own."""
    canonical = canonical_name(name)
    return next((measure for measure, names in MEASURES.items() if canonical in names), None)


def evaluations_of(attributes: Mapping[str, str]) -> list[Evaluation]:
    """Return what a span, an event or a log record says of evaluations, each name once, at most 64."""
    found: dict[str, Evaluation] = {}
    for evaluation in (*_single(attributes), *_named(attributes)):
        if evaluation.name not in found and len(found) < _MAX_EVALUATIONS:
            found[evaluation.name] = evaluation
    return list(found.values())


def score_of(text: str) -> float | None:
    """Return a score; `None` for what is no finite number or absurd."""
    try:
        score = float(text)
    except ValueError:
        return {"true": 1.0, "false": 0.0}.get(text.strip().lower())
    return score if math.isfinite(score) and abs(score) <= MAX_SCORE else None


def _single(attributes: Mapping[str, str]) -> Iterator[Evaluation]:
    name = canonical_name(_first(attributes, NAME))
    score, label = score_of(_first(attributes, SCORE)), _first(attributes, LABEL)
    error = _first(attributes, ERROR)
    if name and (score is not None or label or error):
        yield Evaluation(name, score, label, _first(attributes, EXPLANATION), _first(attributes, RESPONSE_ID), error)


def _named(attributes: Mapping[str, str]) -> Iterator[Evaluation]:
    parts: dict[str, dict[str, str]] = {}
    for key, value in attributes.items():
        prefix = next((one for one in NAMED_PREFIXES if key.startswith(one)), None)
        if prefix is None or not value:
            continue
        spelled, _, last = key[len(prefix) :].rpartition(".")
        field = _FIELDS.get(last.lower())
        if not spelled or field is None:
            spelled, field = (key[len(prefix) :], "score") if score_of(value) is not None else ("", "")
        name = canonical_name(spelled)
        if name and name not in _RESERVED and len(parts) <= _MAX_EVALUATIONS:
            parts.setdefault(name, {}).setdefault(field, value)
    response_id = _first(attributes, RESPONSE_ID)
    for name, own in parts.items():
        score, label = score_of(own.get("score", "")), own.get("label", "")
        if score is not None or label:
            yield Evaluation(name, score, label, own.get("explanation", ""), response_id, "")


def _first(attributes: Mapping[str, str], keys: tuple[str, ...]) -> str:
    return next((attributes[key] for key in keys if attributes.get(key)), "")
