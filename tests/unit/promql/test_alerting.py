import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tidegate.promql.alerting import FIRING, INACTIVE, PENDING, AlertMachine, states_over

MINUTE = 60_000
NAME = (("alertname", "A"),)


@given(
    st.lists(st.tuples(st.booleans(), st.integers(min_value=1, max_value=5)), min_size=1, max_size=60),
    st.integers(0, 12),
    st.integers(0, 12),
)
@settings(max_examples=200, deadline=None)
def test_the_whole_history_at_once_is_the_same_as_evaluation_by_evaluation(
    steps: list[tuple[bool, int]], for_minutes: int, keep_minutes: int
) -> None:
    moments = np.cumsum([minutes for _, minutes in steps]).astype(np.int64) * MINUTE
    present = np.array([there for there, _ in steps])
    found = states_over(present, moments, for_ms=for_minutes * MINUTE, keep_ms=keep_minutes * MINUTE)
    machine = AlertMachine(for_minutes * MINUTE, keep_minutes * MINUTE)
    expected = [
        machine.advance({NAME} if there else set(), int(moment)).get(NAME, (INACTIVE, 0))
        for there, moment in zip(present, moments, strict=True)
    ]
    assert list(zip(found.states.tolist(), found.active_at.tolist(), strict=True)) == expected


def test_an_alert_fires_at_the_evaluation_at_which_its_time_is_over_and_is_kept_firing() -> None:
    present = np.array([False, True, True, True, False, False, True, False, False, False])
    found = states_over(present, np.arange(10) * MINUTE, for_ms=2 * MINUTE, keep_ms=3 * MINUTE)
    pending, firing = [PENDING] * 2, [FIRING] * 7
    assert found.states.tolist() == [INACTIVE, *pending, *firing]


def test_nothing_that_was_never_there_is_active() -> None:
    assert states_over(np.zeros(0, bool), np.zeros(0, np.int64), for_ms=0, keep_ms=0).states.tolist() == []
    assert states_over(np.zeros(3, bool), np.arange(3), for_ms=0, keep_ms=0).states.tolist() == [0, 0, 0]
