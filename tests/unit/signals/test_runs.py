import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.oracle_runs import Run, TraceSpan, runs_of


def span(span_id: str, parent: str = "", **changes: Any) -> TraceSpan:
    facts: dict[str, Any] = {
        "workspace": "w",
        "trace_id": "t",
        "span_id": span_id,
        "parent_span_id": parent,
        "second": 100,
        "start_ns": int(span_id, 36) * 10,
        "end_ns": int(span_id, 36) * 10 + 5,
        "distrusted": 0,
        "role": "",
        "operation": "",
        "outcome": "",
        "model": "",
        "tool": "",
        "input_tokens": 0,
        "output_tokens": 0,
        "cached_input_tokens": 0,
        "cost_nano_usd": None,
        "service": "s",
        "environment": "",
        "release": "",
        "tenant": "acme",
        "error_type": "",
    }
    return TraceSpan(**(facts | changes))


def agent(span_id: str, parent: str = "", **changes: Any) -> TraceSpan:
    return span(span_id, parent, **({"role": "agent", "operation": "invoke_agent", "outcome": "ok"} | changes))


def chat(span_id: str, parent: str = "", **changes: Any) -> TraceSpan:
    return span(
        span_id, parent, **({"role": "inference", "operation": "chat", "outcome": "ok", "model": "m"} | changes)
    )


def tool(span_id: str, parent: str = "", **changes: Any) -> TraceSpan:
    return span(
        span_id, parent, **({"role": "step", "operation": "execute_tool", "outcome": "ok", "tool": "search"} | changes)
    )


def only(runs: list[Run]) -> Run:
    assert len(runs) == 1
    return runs[0]


def test_a_trace_without_gen_ai_spans_has_no_run() -> None:
    assert runs_of([span("1"), span("2", "1")]) == []


def test_the_topmost_agent_is_the_run_even_under_a_server_span() -> None:
    run = only(runs_of([span("1"), agent("2", "1"), agent("3", "2"), chat("4", "3")]))
    assert run.root.span_id == "2"


def test_inference_spans_without_an_agent_are_runs_of_their_own() -> None:
    assert {run.root.span_id for run in runs_of([span("1"), chat("2", "1"), chat("3", "1")])} == {"2", "3"}


def test_an_inference_inside_an_inference_belongs_to_the_outer_one_and_its_tokens_count_once() -> None:
    run = only(runs_of([chat("1", input_tokens=10), chat("2", "1", input_tokens=10)]))
    assert (run.root.span_id, run.input_tokens) == ("1", 10)


def test_tokens_of_an_agent_are_never_added_to_those_of_its_inferences() -> None:
    run = only(
        runs_of([agent("1", input_tokens=700), chat("2", "1", input_tokens=300), chat("3", "1", input_tokens=400)])
    )
    assert run.input_tokens == 700


def test_an_agent_without_inference_below_counts_its_own_tokens() -> None:
    assert only(runs_of([agent("1", output_tokens=9), tool("2", "1")])).output_tokens == 9


@pytest.mark.parametrize(
    ("children", "outcome"),
    [
        pytest.param([chat("2", "1"), chat("3", "1")], "ok", id="all well"),
        pytest.param([chat("2", "1", outcome="failed")], "failed", id="a failure below"),
        pytest.param(
            [chat("2", "1", outcome="failed"), tool("3", "1", outcome="policy_blocked")],
            "policy_blocked",
            id="the worst wins",
        ),
        pytest.param([chat("2", "1", outcome="failed"), chat("3", "1")], "ok", id="a later attempt made it good"),
        pytest.param(
            [chat("2", "1"), chat("3", "1", outcome="failed")], "failed", id="an earlier success does not help"
        ),
        pytest.param(
            [chat("2", "1", outcome="failed"), chat("3", "1", model="other")], "failed", id="another step"
        ),
    ],
)  # fmt: skip
def test_a_run_takes_the_worst_outcome_below_it(children: list[TraceSpan], outcome: str) -> None:
    assert only(runs_of([agent("1"), *children])).outcome == outcome


@pytest.mark.parametrize(
    ("below", "cause"),
    [
        pytest.param(
            [chat("2", "1", outcome="validation_error", error_type="schema_mismatch")],
            ("validation_error", "schema_mismatch"),
            id="worse than it",
        ),
        pytest.param(
            [chat("2", "1", outcome="failed", error_type="timeout")], ("failed", "timeout"), id="as bad as it"
        ),
        pytest.param(
            [agent("2", "1", outcome="failed"), chat("3", "2", outcome="cancelled", error_type="cancelled")],
            ("cancelled", "cancelled"),
            id="better than it, two levels down",
        ),
        pytest.param(
            [chat("2", "1", outcome="cancelled", error_type="cancelled"), chat("3", "1")],
            ("failed", ""),
            id="made good: what is above has another cause",
        ),
        pytest.param(
            [
                chat("2", "1", outcome="failed", error_type="timeout"),
                tool("3", "1", outcome="failed", error_type="denied"),
            ],
            ("failed", "timeout"),
            id="two of them: the first",
        ),
    ],
)
def test_a_named_cause_below_outranks_an_unnamed_error_above(below: list[TraceSpan], cause: tuple[str, str]) -> None:
    for spans in ([agent("1", outcome="failed"), *below], [*reversed(below), agent("1", outcome="failed")]):
        run = only(runs_of(spans))
        assert (run.outcome, run.error_code) == cause


def test_cost_counts_only_when_every_counted_span_has_one() -> None:
    priced = only(runs_of([agent("1"), chat("2", "1", cost_nano_usd=5), chat("3", "1", cost_nano_usd=7)]))
    half = only(runs_of([agent("1"), chat("2", "1", cost_nano_usd=5), chat("3", "1")]))
    own = only(runs_of([agent("1", cost_nano_usd=12), chat("2", "1")]))
    assert (priced.is_priced, priced.cost_nano_usd) == (True, 12)
    assert (half.is_priced, half.cost_nano_usd) == (False, 0)
    assert (own.is_priced, own.cost_nano_usd) == (True, 12)


def test_the_tenant_of_a_run_may_stand_on_a_span_below() -> None:
    assert only(runs_of([agent("1", tenant=""), chat("2", "1", tenant="globex")])).tenant == "globex"


def test_cyclic_parents_end_and_count_once() -> None:
    assert len(runs_of([agent("1", "2"), agent("2", "1"), chat("3", "2")])) == 1


ENDS: list[dict[str, str]] = [
    {},
    {"outcome": "failed"},
    {"outcome": "failed", "error_type": "timeout"},
    {"outcome": "failed", "error_type": "denied"},
    {"outcome": "cancelled", "error_type": "cancelled"},
]
SHAPES = st.tuples(st.integers(1, 12), st.integers(0, 12), st.sampled_from("ais-"), st.sampled_from(ENDS))


@given(st.lists(SHAPES, max_size=12), st.randoms())
def test_order_does_not_matter_and_every_run_is_one_of_the_spans(
    shape: list[tuple[int, int, str, dict[str, str]]], random: Any
) -> None:
    kinds = {"a": agent, "i": chat, "s": tool, "-": span}
    spans = list({n: kinds[k](f"{n:x}", f"{p:x}" if p else "", **end) for n, p, k, end in shape}.values())
    shuffled = spans[:]
    random.shuffle(shuffled)
    runs = runs_of(spans)
    assert sorted(runs, key=lambda r: r.root.span_id) == sorted(runs_of(shuffled), key=lambda r: r.root.span_id)
    assert {run.root.role for run in runs} <= {"agent", "inference"}
    assert len({run.root.span_id for run in runs}) == len(runs)


def steps_of(spans: list[TraceSpan]) -> int:
    """Count calls, those of built-in functions included: what the work costs, whatever the machine."""
    count = 0

    def step(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(step)
    try:
        runs_of(spans)
    finally:
        sys.setprofile(None)
    return count


def chain_of(length: int, *, is_cycle: bool) -> list[TraceSpan]:
    ids = [f"{i:04x}" for i in range(length)]
    return [
        chat(one, parent, outcome="failed", error_type="timeout")
        for one, parent in zip(ids, [ids[-1] if is_cycle else "", *ids], strict=False)
    ]


@pytest.mark.parametrize("is_cycle", [False, True], ids=["a chain", "a cycle"])
def test_the_work_for_a_trace_grows_no_faster_than_its_spans(*, is_cycle: bool) -> None:
    short, long = chain_of(200, is_cycle=is_cycle), chain_of(800, is_cycle=is_cycle)
    assert steps_of(long[::-1]) < 6 * steps_of(short[::-1])
