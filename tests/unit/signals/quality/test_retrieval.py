"""Retrieval metrics against figures worked out by hand; tests/real compares them with trec_eval's own output."""

import math

import pytest

from tidegate.signals.quality.errors import TrecFileInvalidError
from tidegate.signals.quality.retrieval import measure, ranked
from tidegate.signals.quality.trec import read_judgements, read_run

JUDGED = {"q1": {"a": 2, "b": 0, "c": 1, "d": 1}}


def figures(scores: dict[str, float], judged: dict[str, dict[str, int]] = JUDGED) -> dict[str, float]:
    means = measure(judged, {"q1": scores}, cuts=(1, 2, 5)).means()
    assert means is not None
    return means


def test_an_answer_is_measured_as_by_hand() -> None:
    found = figures({"b": 0.9, "a": 0.8, "x": 0.7, "c": 0.6})  # levels 0, 2, 0, 1 of 2, 1, 1
    assert found["recip_rank"] == 1 / 2
    assert found["map"] == pytest.approx((1 / 2 + 2 / 4) / 3)
    assert found["P_2"] == 1 / 2
    assert found["P_5"] == 2 / 5  # five places, whatever stands in them
    assert found["recall_2"] == pytest.approx(1 / 3)
    assert found["recall_5"] == pytest.approx(2 / 3)
    ideal = 2 + 1 / math.log2(3) + 1 / math.log2(4)
    assert found["ndcg"] == pytest.approx((2 / math.log2(3) + 1 / math.log2(5)) / ideal)
    assert found["ndcg_cut_2"] == pytest.approx((2 / math.log2(3)) / (2 + 1 / math.log2(3)))


def test_ties_are_broken_by_document_id_the_greater_first() -> None:
    assert ranked({"a": 1.0, "c": 1.0, "b": 1.0, "z": 0.5, "B": 1.0}) == ["c", "b", "a", "B", "z"]


def test_scores_are_compared_in_single_precision() -> None:
    run = read_run("q1 Q0 a 1 0.100000001 r\nq1 Q0 b 2 0.1 r\n")
    assert ranked(run["q1"]) == ["b", "a"]  # one score in four bytes: a tie


def test_means_are_over_queries_that_are_judged_and_answered() -> None:
    found = measure({"q1": {"a": 1}, "q2": {"a": 1}}, {"q1": {"a": 1.0}, "q3": {"a": 1.0}})
    assert found.means() == dict.fromkeys(found.means() or {}, 1.0) | {
        "P_5": 0.2,
        "P_10": 0.1,
        "P_20": 0.05,
        "P_100": 0.01,
    }
    assert (found.unanswered, found.unjudged) == (("q2",), ("q3",))


def test_a_query_without_relevant_documents_counts_as_nothing_found() -> None:
    assert set(figures({"a": 1.0}, {"q1": {"a": 0, "b": -1}}).values()) == {0.0}


def test_no_query_is_no_figure() -> None:
    assert measure({"q1": {"a": 1}}, {}).means() is None


@pytest.mark.parametrize(
    ("text", "line"),
    [
        pytest.param("q1 0 a\n", 1, id="a column is missing"),
        pytest.param("q1 0 a 1\nq1 0 a 1 x\n", 2, id="a column too many"),
        pytest.param("q1 0 a much\n", 1, id="no number"),
        pytest.param("q1 0 a 1\n\nq1 0 a 0\n", 3, id="judged twice"),
    ],
)
def test_judgements_that_cannot_be_read_are_refused_with_their_line(text: str, line: int) -> None:
    with pytest.raises(TrecFileInvalidError) as refused:
        read_judgements(text)
    assert refused.value.field == f"judgements.{line}"


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("q1 Q0 a 1 high r\n", id="no score"),
        pytest.param("q1 Q0 a 1 nan r\n", id="NaN"),
        pytest.param("q1 Q0 a 1 1e300 r\n", id="more than single precision holds"),
        pytest.param("q1 Q0 b 1 1 r\nq1 Q0 b 2 0.5 r\n", id="a document twice"),
        pytest.param("q1 Q0 a 1 1\n", id="no name"),
    ],
)
def test_a_run_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(TrecFileInvalidError):
        read_run(text)
