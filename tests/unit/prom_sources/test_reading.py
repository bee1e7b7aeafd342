"""What a server answers is a whole and fresh vector of numbers, or no answer that says why."""

import json
import math
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tidegate.prom_sources.errors import PromUnansweredError, Why
from tidegate.prom_sources.model import read_answer

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)


def element(value: Any = "1", *, ago_s: float = 0, **labels: Any) -> dict[str, Any]:
    return {"metric": labels, "value": [NOW.timestamp() - ago_s, value]}


def body(result: Any, *, kind: str = "vector", **more: Any) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}, **more}).encode()


def test_a_vector_is_read_with_its_labels_and_without_the_name_of_the_metric() -> None:
    found = read_answer(body([element("0.25", service="pay", __name__="up"), element("NaN", service="chat")]), now=NOW)
    assert [(one.labels, one.value) for one in found.series] == [((("service", "pay"),), 0.25)]
    assert found.unknown == ((("service", "chat"),),)
    assert found.at == NOW


def test_a_scalar_is_one_series_without_labels() -> None:
    found = read_answer(body([NOW.timestamp(), "3"], kind="scalar"), now=NOW)
    assert [(one.labels, one.value) for one in found.series] == [((), 3.0)]


def test_an_endless_value_is_read_as_such() -> None:
    assert math.isinf(read_answer(body([element("+Inf")]), now=NOW).series[0].value)


def test_notes_about_the_query_are_no_warnings() -> None:
    assert read_answer(body([element()], infos=["PromQL info: might not be a counter"]), now=NOW).series


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        pytest.param(b"<html>", Why.UNREADABLE, id="no JSON"),
        pytest.param(b"[" * 100_000, Why.UNREADABLE, id="nested without end"),
        pytest.param(b"\xff", Why.UNREADABLE, id="no text"),
        pytest.param(b'{"status": "error"}', Why.UNREADABLE, id="an error under 200"),
        pytest.param(body({}), Why.UNREADABLE, id="a vector that is no list"),
        pytest.param(body([1]), Why.UNREADABLE, id="an element that is none"),
        pytest.param(body([element(1)]), Why.UNREADABLE, id="a value that is no text"),
        pytest.param(body([element("one")]), Why.UNREADABLE, id="a value that is no number"),
        pytest.param(body([element(service=7)]), Why.UNREADABLE, id="a label that is no text"),
        pytest.param(body([element(service="\ud800")]), Why.UNREADABLE, id="half a character"),
        pytest.param(body([{"metric": {}, "value": ["NaN", "1"]}]), Why.UNREADABLE, id="a moment that is none"),
        pytest.param(body([element()], warnings=["results truncated"]), Why.PARTIAL, id="a warning"),
        pytest.param(body([element()], isPartial=True), Why.PARTIAL, id="partial, as VictoriaMetrics says it"),
        pytest.param(body([], kind="matrix"), Why.NO_VECTOR, id="a matrix"),
        pytest.param(body([{"metric": {}, "histogram": [0, {}]}]), Why.NO_VECTOR, id="a native histogram"),
        pytest.param(body([element(ago_s=301)]), Why.STALE, id="of five minutes ago"),
        pytest.param(body([element(ago_s=-301)]), Why.STALE, id="of the future"),
        pytest.param(body([element(n=str(n)) for n in range(1_001)]), Why.TOO_MANY, id="1,001 series"),
        pytest.param(body([element(service="x" * 513)]), Why.TOO_LONG, id="a long label"),
        pytest.param(body([element(**{f"l{n}": "" for n in range(65)})]), Why.TOO_LONG, id="65 labels"),
    ],
)
def test_what_is_no_whole_and_fresh_vector_is_no_answer(answer: bytes, why: Why) -> None:
    with pytest.raises(PromUnansweredError) as raised:
        read_answer(answer, now=NOW)
    assert raised.value.why is why


def test_an_empty_answer_is_read_as_empty() -> None:
    found = read_answer(body([]), now=NOW + timedelta(seconds=1))
    assert (found.series, found.unknown) == ((), ())
