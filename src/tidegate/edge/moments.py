"""How pages write times, so that an old number never looks like a new one."""

from datetime import UTC, datetime, timedelta

__all__ = ["absolute", "relative"]

_NOW_BELOW = timedelta(seconds=1)
_STEPS = ((86_400 * 2, 86_400, "d"), (3_600 * 2, 3_600, "h"), (60 * 2, 60, "min"), (0, 1, "s"))


def relative(moment: datetime, now: datetime) -> str:
    """Return `12 s ago`, `4 min ago`, `in 3 h`. `relative` in `assets/live.js` says the same; a test compares them."""
    seconds = int(abs((now - moment).total_seconds()))
    if seconds < _NOW_BELOW.total_seconds():
        return "now"
    size, unit = next((size, unit) for at_least, size, unit in _STEPS if seconds >= at_least)
    words = f"{seconds // size} {unit}"
    return f"{words} ago" if moment < now else f"in {words}"


def absolute(moment: datetime) -> str:
    """Return `2026-02-07 14:02:11 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
