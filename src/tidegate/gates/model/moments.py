"""Moments that are days away, in sentences. Pure."""

from datetime import UTC, datetime


def moment_in_words(moment: datetime) -> str:
    """Write day and time, in UTC whatever offset it was given with."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
