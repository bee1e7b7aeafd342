"""The gate file: its shape, published as a JSON Schema, and how text becomes a `GateFile`."""

from typing import Annotated, Literal

from pydantic import Field, ValidationError

from tidegate.edge.bodies import field_of
from tidegate.edge.documents import DocumentUnreadableError, load_document
from tidegate.gates.check_files import Duration, Name, PublishedModel, Slug
from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.kinds import AnyCheckFile
from tidegate.gates.model import CheckKind

__all__ = ["GateFile", "parse_gate_file"]

MAX_FILE_BYTES = 64 * 1024  # a gate of ten checks takes 3 KB; YAML is read in the event loop
MAX_CHECKS = 100
_AFTER_POSITION = 2  # checks.1.KIND.field


class ScoreFile(PublishedModel):
    """How many of the points that checks are worth have to be reached; never instead of a required check."""

    pass_: Annotated[float, Field(alias="pass", gt=0, le=1)]
    """From this ratio on it passes: 0.9 is nine of ten points. A warning or a waiver is worth half."""
    warning: Annotated[float, Field(gt=0, le=1)] | None = None
    """From this ratio on it warns; below it fails. Left out: as `pass`."""


class GateFile(PublishedModel):
    """A gate: the questions that a release has to answer before it goes out."""

    api_version: Literal["tidegate/v1"]
    kind: Literal["Gate"]
    id: Slug
    title: Name
    sprint: Name | None = None
    owner: Name
    on_warning: Literal["go", "hold"] = "go"
    """What a warning makes of the gate."""
    score: ScoreFile | None = None
    """Asked besides the required checks; a gate may have nothing else."""
    max_waiver: Duration = "14d"
    """How long one waiver of a check may last; at most 90d."""
    checks: Annotated[list[Annotated[AnyCheckFile, Field(discriminator="kind")]], Field(max_length=MAX_CHECKS)]
    """A gate without a required check holds."""


def parse_gate_file(text: bytes) -> GateFile:
    """Return the gate in `text`, which is YAML or JSON.

    Raises:
        GateFileInvalidError: it is too large, no YAML, no gate, or a field is wrong.
    """
    try:
        document = load_document(text, limit_bytes=MAX_FILE_BYTES)
    except DocumentUnreadableError as error:
        raise GateFileInvalidError(f"The gate file is refused: {error}", field="body") from error
    try:
        return GateFile.model_validate(document)
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> GateFileInvalidError:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    # The location names the kind of a check after its position; the file has no such level.
    location = first["loc"]
    if len(location) > _AFTER_POSITION and location[0] == "checks" and location[_AFTER_POSITION] in set(CheckKind):
        location = (*location[:_AFTER_POSITION], *location[_AFTER_POSITION + 1 :])
    if first["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        location = (*location, "kind")
    field = field_of(location) or "body"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return GateFileInvalidError(f"{field}: {first['msg']}{more}", field=field)
