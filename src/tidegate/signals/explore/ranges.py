"""Which time, which step, which events: what an address asks for. Pure."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from tidegate.kernel import InvalidInputError, TimeRange, format_duration, parse_duration, parse_utc

__all__ = ["DEFAULT_RANGE", "MAX_POINTS", "PRESETS", "STEPS_S", "Span", "span_of", "step_of"]

PRESETS: Final = {
    "15m": timedelta(minutes=15),
    "1h": timedelta(hours=1),
    "6h": timedelta(hours=6),
    "24h": timedelta(hours=24),
    "7d": timedelta(days=7),
    "30d": timedelta(days=30),
}
DEFAULT_RANGE: Final = "1h"
MAX_POINTS: Final = 1_000  # UX section 6: points a series
STEPS_S: Final = (1, 5, 10, 30, 60, 120, 300, 600, 900, 1_800, 3_600, 7_200, 14_400, 43_200, 86_400)
_GOOD_POINTS: Final = 180  # a line on a phone has as many pixels as that
_MAX_LENGTH: Final = timedelta(days=400)  # hours are kept as long
_SECONDS_UP_TO: Final = timedelta(hours=1)  # SIGNALS section 3: one-second resolution up to an hour
_SECONDS_KEPT: Final = timedelta(hours=2)
_EARLIEST: Final = datetime(1970, 1, 2, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """A window and the step in which it is drawn."""

    window: TimeRange
    step_s: int
    preset: str | None
    """`None` for a window with a start and an end of its own."""

    @property
    def starts(self) -> tuple[datetime, ...]:
        """Where its buckets begin."""
        first, last = int(self.window.start.timestamp()), self.window.end.timestamp()
        return tuple(
            datetime.fromtimestamp(second, UTC)
            for second in range(first - first % self.step_s, int(-(-last // 1)), self.step_s)
        )

    @property
    def words(self) -> str:
        return format_duration(self.window.length) if self.preset is None else self.preset


def span_of(*, preset: str | None, start: str | None, end: str | None, step: str | None, now: datetime) -> Span:
    """Return the window that is asked for; it begins with a whole bucket.

    Raises:
        InvalidInputError: a name, moment or step that is none; the field is named.
    """
    if start is None and end is None:
        window, name = _preset(preset or DEFAULT_RANGE, now), preset or DEFAULT_RANGE
    else:
        window, name = _custom(preset, start, end), None
    step_s = step_of(window, now) if step is None else _given_step(step, window)
    first = int(window.start.timestamp())
    aligned = datetime.fromtimestamp(first - first % step_s, UTC)
    return Span(TimeRange(aligned, window.end), step_s, name)


def step_of(window: TimeRange, now: datetime) -> int:
    """Return the step that draws `window` with at most 180 points, and that counts are kept in."""
    seconds = window.length.total_seconds()
    least = 1 if window.length <= _SECONDS_UP_TO and now - window.start <= _SECONDS_KEPT else 60
    return next((step for step in STEPS_S if step >= least and seconds / step <= _GOOD_POINTS), STEPS_S[-1])


def _preset(name: str, now: datetime) -> TimeRange:
    if name not in PRESETS:
        raise InvalidInputError(f"range: {name[:40]!r} is none of {', '.join(PRESETS)}.", field="range")
    end = now.replace(microsecond=0) + timedelta(seconds=1)  # the running second belongs to it
    return TimeRange(end - PRESETS[name], end)


def _custom(preset: str | None, start: str | None, end: str | None) -> TimeRange:
    if preset is not None:
        raise InvalidInputError("range: give either `range`, or `from` and `to`.", field="range")
    if start is None or end is None:
        missing = "from" if start is None else "to"
        raise InvalidInputError(f"{missing}: give both `from` and `to`, or neither.", field=missing)
    window = TimeRange(_moment(start, "from"), _moment(end, "to"))
    if window.length > _MAX_LENGTH:
        raise InvalidInputError(f"from: a window is at most {format_duration(_MAX_LENGTH)} long.", field="from")
    if window.length < timedelta(seconds=1):
        raise InvalidInputError("from: a window is at least 1s long.", field="from")
    return window


def _moment(text: str, field: str) -> datetime:
    moment = parse_utc(text, field=field)
    if moment < _EARLIEST:
        raise InvalidInputError(f"{field}: nothing is counted before 1970-01-02.", field=field)
    return moment


def _given_step(text: str, window: TimeRange) -> int:
    step = int(parse_duration(text, field="step").total_seconds())
    if step not in STEPS_S:
        allowed = ", ".join(format_duration(timedelta(seconds=each)) for each in STEPS_S)
        raise InvalidInputError(f"step: {text[:40]!r} is none of {allowed}.", field="step")
    if step < 60 and window.length > _SECONDS_UP_TO:
        raise InvalidInputError("step: windows above 1h are counted in whole minutes.", field="step")
    if window.length.total_seconds() / step > MAX_POINTS:
        raise InvalidInputError(
            f"step: that would be more than {MAX_POINTS:,} points; take a longer step.", field="step"
        )
    return step
