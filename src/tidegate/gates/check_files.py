"""What the gate file says of every check, whatever its kind; the rest of a kind stands in `gates.kinds`."""

from datetime import timedelta
from typing import Annotated

from pydantic import ConfigDict, Field, StringConstraints

from tidegate.edge.wire import WireModel
from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.expressions import MAX_LENGTH
from tidegate.gates.model import CheckSpec
from tidegate.gates.ports import Catalogues
from tidegate.kernel import InvalidInputError, format_duration, parse_duration

__all__ = ["CheckFile", "Duration", "Expression", "Name", "PublishedModel", "Slug", "read_length"]

MAX_LENGTH_OF_TIME = timedelta(days=30)
"""SIGNALS section 3: windows go up to 30 d."""

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Duration = Annotated[str, StringConstraints(pattern=r"^(\d{1,9}(ms|s|m|h|d))+$", max_length=40)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH)]


class PublishedModel(WireModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class CheckFile(PublishedModel):
    """What every kind of check has."""

    id: Slug
    title: Name
    required: bool = True
    """Whether the gate holds without it."""
    weight: Annotated[float, Field(ge=0, le=1_000)] | None = None
    """Points that it is worth in the score of the gate, 1 unless said; only where the gate has one."""
    owner: Name
    """The role or person who acts when it does not pass."""
    runbook: Name | None = None
    """Slug of a runbook page, or the alert code that it belongs to."""
    service: Name | None = None
    """One service; left out, every service of the release counts by itself."""

    def read(self, place: str, catalogues: Catalogues) -> CheckSpec:
        """Return what the check wants to know: names resolved, durations read, expressions tried.

        `place` is where the check stands in the file (`checks.1`), for errors.

        Raises:
            GateFileInvalidError: it names something that does not exist; the field is named.
        """
        raise NotImplementedError


def read_length(text: str, place: str, *, limit: timedelta = MAX_LENGTH_OF_TIME) -> timedelta:
    """Return the duration in `text`.

    Raises:
        GateFileInvalidError: it is none, or outside of what a check may ask for.
    """
    try:
        length = parse_duration(text, field=place)
    except InvalidInputError as error:
        raise GateFileInvalidError(error.message, field=place) from error
    if not timedelta(seconds=1) <= length <= limit:
        raise GateFileInvalidError(f"{text!r} is out of range: from 1s to {format_duration(limit)}.", field=place)
    return length
