"""Which seconds are counted next: those of now at once, few late rows among thousands together and later."""

from datetime import UTC, datetime

from tidegate.kernel import WorkspaceId
from tidegate.signals.choosing import PATIENCE_S, TOGETHER_S, choose
from tidegate.signals.ports import Backlog, Touch, TouchedSeconds

ACME = WorkspaceId("acme")
NOW_S = 1_790_000_000


def chosen(
    *touches: Touch, limit: int = 100, redo_limit: int | None = 100, large: int = 0, now_s: float = NOW_S
) -> TouchedSeconds | None:
    backlog = Backlog(touches, 1, is_all=True, read_at=datetime.fromtimestamp(now_s, UTC))
    return choose(backlog, limit=limit, redo_limit=redo_limit, is_patient=True, worth=lambda *_: large)


def touch(*seconds: int, rows: int | None = 1, at_s: float = NOW_S) -> Touch:
    return Touch(ACME, f"flu_{at_s}_{seconds}", at_s, list(seconds), [rows] * len(seconds))


def seconds_of(found: TouchedSeconds | None) -> list[int]:
    return [] if found is None else list(found.seconds.get(ACME, ()))


def test_seconds_of_now_are_counted_at_once() -> None:
    found = chosen(touch(NOW_S - 10, NOW_S - 1, NOW_S))
    assert seconds_of(found) == [NOW_S - 10, NOW_S - 1, NOW_S]
    assert found is not None
    assert not found.is_late


def test_a_few_late_rows_have_no_large_second_counted_again_at_once() -> None:
    assert seconds_of(chosen(touch(NOW_S - 5, NOW_S - 2, rows=10), large=1_000)) == [NOW_S - 2]


def test_many_late_rows_have_a_large_second_counted_again_at_once_also_by_many_flushes() -> None:
    assert seconds_of(chosen(touch(NOW_S - 5, rows=1_000), large=1_000)) == [NOW_S - 5]
    assert seconds_of(chosen(*[touch(NOW_S - 5, rows=10, at_s=NOW_S - n / 100) for n in range(100)], large=1_000))


def test_rows_that_nobody_counted_are_taken_for_many() -> None:
    assert seconds_of(chosen(touch(NOW_S - 5, rows=None), large=1_000)) == [NOW_S - 5]


def test_late_rows_are_counted_when_they_were_left_alone_or_have_waited_long() -> None:
    late = touch(NOW_S - 100, at_s=NOW_S)
    assert seconds_of(chosen(late)) == []
    assert seconds_of(chosen(late, now_s=NOW_S + 3)) == [NOW_S - 100]
    long_ago = touch(NOW_S - 100, at_s=NOW_S - PATIENCE_S - TOGETHER_S)
    assert seconds_of(chosen(late, long_ago)) == [NOW_S - 100]


def test_late_rows_that_have_waited_long_wait_for_each_other() -> None:
    touched = [touch(NOW_S - 100 - n, at_s=NOW_S - PATIENCE_S - n) for n in range(11)]
    touched += [touch(NOW_S - 100 - n, at_s=NOW_S) for n in range(11)]  # and go on coming
    assert seconds_of(chosen(*touched, now_s=NOW_S - 1)) == []
    assert len(seconds_of(chosen(*touched))) == 11


def test_late_rows_have_their_turn_though_there_are_hot_ones() -> None:
    touches = touch(NOW_S), touch(NOW_S - 100, at_s=NOW_S - 50)
    assert seconds_of(chosen(*touches)) == [NOW_S]
    found = chosen(*touches, limit=0)
    assert seconds_of(found) == [NOW_S - 100]
    assert found is not None
    assert found.is_late


def test_what_was_touched_is_handed_on_only_when_it_is_all() -> None:
    touches = [touch(NOW_S)]
    backlog = Backlog(touches, 1, is_all=False, read_at=datetime.fromtimestamp(NOW_S, UTC))
    found = choose(backlog, limit=9, redo_limit=9, is_patient=True, worth=lambda *_: 0)
    assert found is not None
    assert not found.touches
    whole = chosen(*touches)
    assert whole is not None
    assert list(whole.touches) == touches
