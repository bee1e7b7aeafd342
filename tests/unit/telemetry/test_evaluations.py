"""Evaluations in the spellings of those who send them."""

import pytest

from tidegate.telemetry.evaluations import canonical_name, evaluations_of, measure_of


@pytest.mark.parametrize(
    "attributes",
    [
        pytest.param(
            {"gen_ai.evaluation.name": "Relevance", "gen_ai.evaluation.score.value": "0.8"}, id="OpenTelemetry"
        ),
        pytest.param({"evaluation.name": "relevance", "evaluation.score": "0.8"}, id="evaluation"),
        pytest.param({"eval.name": "relevance", "eval.score": "0.8"}, id="eval"),
        pytest.param({"eval.relevance.score": "0.8"}, id="eval, named"),
        pytest.param({"eval.relevance": "0.8"}, id="eval, bare"),
        pytest.param({"annotation.relevance.score": "0.8", "annotation.annotator_kind": "LLM"}, id="OpenInference"),
        pytest.param({"annotation.name": "relevance", "annotation.score": "0.8"}, id="OpenInference, single"),
        pytest.param({"gen_ai.eval.relevance.score": "0.8"}, id="OpenLIT"),
        pytest.param({"langfuse.score.relevance": "0.8"}, id="Langfuse"),
        pytest.param({"langfuse.scores.relevance.value": "0.8"}, id="Langfuse, nested"),
    ],
)
def test_one_evaluation_is_read_in_every_spelling(attributes: dict[str, str]) -> None:
    (found,) = evaluations_of(attributes)
    assert (found.name, found.score) == ("relevance", 0.8)


def test_several_are_read_each_with_its_own_label_and_explanation() -> None:
    found = evaluations_of(
        {
            "annotation.faithfulness.score": "1",
            "annotation.faithfulness.label": "factual",
            "annotation.faithfulness.explanation": "all stands in the text",
            "annotation.toxicity.label": "none",
            "gen_ai.response.id": "r-1",
        }
    )
    assert [(one.name, one.score, one.label, one.explanation, one.response_id) for one in found] == [
        ("faithfulness", 1.0, "factual", "all stands in the text", "r-1"),
        ("toxicity", None, "none", "", "r-1"),
    ]


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"gen_ai.evaluation.name": "relevance"},
        {"gen_ai.evaluation.name": "…", "gen_ai.evaluation.score.value": "1"},
        {"gen_ai.evaluation.score.value": "1"},
        {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": "NaN"},
        {"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": "1e300"},
        {"eval.metadata": "1", "evaluator.score": "1", "eval.": "1", "eval..score": "1"},
    ],
)
def test_what_says_no_score_and_no_label_is_no_evaluation(attributes: dict[str, str]) -> None:
    assert evaluations_of(attributes) == []


def test_an_evaluator_that_failed_is_said_to_have_failed() -> None:
    (found,) = evaluations_of({"gen_ai.evaluation.name": "relevance", "error.type": "timeout"})
    assert (found.score, found.error) == (None, "timeout")


def test_a_flood_of_names_is_cut() -> None:
    assert len(evaluations_of({f"eval.name{number}.score": "1" for number in range(10_000)})) == 64


@pytest.mark.parametrize("spelled", ["citation_coverage", "Citation Coverage", "citationCoverage", "CITATION-COVERAGE"])
def test_spelling_does_not_matter(spelled: str) -> None:
    assert canonical_name(spelled) == "citation_coverage"
    assert measure_of(spelled) == "citationCoverage"


@pytest.mark.parametrize(
    ("name", "measure"), [("Faithfulness", "groundedness"), ("groundedness", "groundedness"), ("toxicity", None)]
)
def test_names_that_mean_the_same_are_one_figure(name: str, measure: str | None) -> None:
    assert measure_of(name) == measure
