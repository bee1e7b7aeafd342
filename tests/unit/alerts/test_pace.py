from tidegate.alerts.pace import Pace


def test_so_many_go_in_a_row_and_then_one_a_pause() -> None:
    pace = Pace(0.5, in_a_row=2)
    assert [round(pace.wait_s(100.0), 6) for _ in range(4)] == [0, 0, 0.5, 1.0]


def test_who_waited_owes_nothing() -> None:
    pace = Pace(0.5, in_a_row=2)
    assert [pace.wait_s(moment) for moment in (0.0, 1.0, 2.0, 2.2, 3.2, 4.2)] == [0] * 6


def test_in_the_long_run_it_is_one_a_pause() -> None:
    pace, now, turns = Pace(0.5, in_a_row=2), 0.0, 0
    while now < 60:
        now += pace.wait_s(now) + 0.01
        turns += 1
    assert 119 <= turns <= 122
