"""Calendar windows begin where people live, through changes of clocks and leap days."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tidegate.slos.errors import ObjectiveInvalidError
from tidegate.slos.model import Calendar, CalendarUnit, calendar_window, rolling_window

ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "Pacific/Apia")


def hours(unit: CalendarUnit, zone: str, at: str) -> float:
    return Calendar(unit, zone).range_at(datetime.fromisoformat(at)).length / timedelta(hours=1)


@pytest.mark.parametrize(
    ("unit", "zone", "at", "expected"),
    [
        pytest.param("month", "Europe/Berlin", "2026-03-15T12:00:00Z", 31 * 24 - 1, id="clocks go forward"),
        pytest.param("month", "Europe/Berlin", "2026-10-15T12:00:00Z", 31 * 24 + 1, id="clocks go back"),
        pytest.param("week", "America/New_York", "2026-03-08T12:00:00Z", 7 * 24 - 1, id="a week with a short Sunday"),
        pytest.param("month", "UTC", "2028-02-29T23:59:59Z", 29 * 24, id="leap day"),
        pytest.param("quarter", "UTC", "2026-02-01T00:00:00Z", 90 * 24, id="first quarter"),
        pytest.param("month", "Australia/Lord_Howe", "2026-04-15T12:00:00Z", 30 * 24 + 0.5, id="half an hour"),
    ],
)
def test_a_period_is_as_long_as_its_days_are_there(unit: str, zone: str, at: str, expected: float) -> None:
    assert hours(CalendarUnit(unit), zone, at) == expected


def test_a_month_begins_at_midnight_in_its_zone() -> None:
    window = Calendar(CalendarUnit.MONTH, "Europe/Berlin").range_at(datetime(2026, 6, 30, 23, tzinfo=UTC))
    assert window.start == datetime(2026, 6, 30, 22, tzinfo=UTC)


@given(
    at=st.datetimes(datetime(2000, 1, 1), datetime(2037, 1, 1)).map(lambda one: one.replace(tzinfo=UTC)),  # noqa: DTZ001 - made aware
    zone=st.sampled_from(ZONES), unit=st.sampled_from(CalendarUnit),
)  # fmt: skip
def test_periods_follow_each_other_without_a_gap(at: datetime, zone: str, unit: CalendarUnit) -> None:
    window = Calendar(unit, zone)
    period = window.range_at(at)
    assert period.start <= at < period.end
    assert window.range_at(period.end).start == period.end
    assert window.range_at(period.end - timedelta(microseconds=1)) == period


def test_zones_and_lengths_that_are_none_are_refused() -> None:
    for zone in ("Berlin", "../etc/passwd", "", "UTC+1"):
        with pytest.raises(ObjectiveInvalidError, match="no time zone"):
            calendar_window("month", zone, field="x")
    for length in (timedelta(minutes=59), timedelta(days=31), timedelta(hours=1, seconds=1)):
        with pytest.raises(ObjectiveInvalidError, match="from 1h to 30d"):
            rolling_window(length, field="x")
