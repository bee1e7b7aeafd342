"""Moments as they are given on a command line."""

from datetime import UTC, datetime

import click

from tidegate.kernel import InvalidInputError, parse_duration

__all__ = ["moment_of"]


def moment_of(text: str, name: str = "--until") -> str:
    """Return a moment with its offset; a duration counts from now.

    Raises:
        click.BadParameter: it is neither.
    """
    try:
        return (datetime.now(UTC) + parse_duration(text, field="until")).isoformat(timespec="seconds")
    except InvalidInputError:
        pass
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter("write 2026-03-01T12:00:00+01:00, or a duration like 4h", param_hint=name) from error
    if moment.tzinfo is None:
        raise click.BadParameter("the moment needs an offset: Z, or like +01:00", param_hint=name)
    return moment.isoformat()
