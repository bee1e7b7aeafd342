from tidegate.kernel import Remembered


def test_what_was_used_longest_ago_is_forgotten_first() -> None:
    kept: Remembered[str, int] = Remembered(max_weight=10)
    kept.add("a", 1, weight=4)
    kept.add("b", 2, weight=4)
    assert kept.find("a") == 1
    kept.add("c", 3, weight=4)
    assert [kept.find(key) for key in "abc"] == [1, None, 3]


def test_a_value_that_is_too_heavy_is_not_kept() -> None:
    kept: Remembered[str, int] = Remembered(max_weight=10)
    kept.add("a", 1, weight=11)
    assert kept.find("a") is None
    kept.add("b", 2, weight=10)
    assert kept.find("b") == 2


def test_a_value_that_is_added_again_weighs_once() -> None:
    kept: Remembered[str, int] = Remembered(max_weight=10)
    for value in range(5):
        kept.add("a", value, weight=6)
    kept.add("b", 9, weight=4)
    assert (kept.find("a"), kept.find("b")) == (4, 9)
