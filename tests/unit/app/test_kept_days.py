"""For how long what is over is kept, as the environment says."""

import pytest

from tidegate.app.settings import KeptDays, KeptDaysInvalidError, kept_days


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", KeptDays(400, 30)),
        ("alerts=30", KeptDays(30, 30)),
        (" deliveries = 7 , alerts=4000 ", KeptDays(4_000, 7)),
    ],
)
def test_days_are_read(monkeypatch: pytest.MonkeyPatch, text: str, expected: KeptDays) -> None:
    monkeypatch.setenv("TIDEGATE_KEPT_DAYS", text)
    assert kept_days() == expected


@pytest.mark.parametrize("text", ["alerts", "alerts=0", "alerts=6", "alerts=4001", "alerts=-9", "jobs=30", "alerts=٣٠"])
def test_what_is_no_number_of_days_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TIDEGATE_KEPT_DAYS", text)
    with pytest.raises(KeptDaysInvalidError, match="alerts=400,deliveries=30"):
        kept_days()
