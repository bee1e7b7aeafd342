"""The gate file: its shape, published as a JSON Schema, and how text becomes a `GateFile`."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field, StringConstraints, ValidationError

from tidegate.edge.bodies import field_of
from tidegate.edge.documents import DocumentUnreadableError, load_document
from tidegate.edge.wire import WireModel
from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.expressions import MAX_LENGTH
from tidegate.gates.model import RunSource
from tidegate.signals import Family

__all__ = ["AlertsQuietCheckFile", "GateFile", "RegressionCheckFile", "SignalCheckFile", "parse_gate_file"]

MAX_FILE_BYTES = 64 * 1024  # a gate of ten checks takes 3 KB; YAML is read in the event loop
MAX_CHECKS = 100
_KINDS = ("signal", "alerts_quiet", "regression")

Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,62}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Duration = Annotated[str, StringConstraints(pattern=r"^(\d{1,9}(ms|s|m|h|d))+$", max_length=40)]
Expression = Annotated[str, StringConstraints(min_length=1, max_length=MAX_LENGTH)]


class _Published(WireModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class CheckFile(_Published):
    """What every kind of check has."""

    id: Slug
    title: Name
    required: bool = True
    """Whether the gate holds without it."""
    owner: Name
    """The role or person who acts when it does not pass."""
    runbook: Name | None = None
    """Slug of a runbook page, or the alert code that it belongs to."""
    service: Name | None = None
    """One service; left out, every service of the release counts by itself."""


class SignalCheckFile(CheckFile):
    """A bound on the figures of a family over a window."""

    kind: Literal["signal"]
    family: Family
    window: Duration = "15m"
    """At most 30d."""
    tenant: Name | None = None
    """One tenant of the service; left out, all of its events count."""
    version: Literal["any", "release"] = "any"
    """`release` counts only telemetry that names the version of the release (`service.version`)."""
    expression: Expression
    """CEL over the figures of the family; true is within the bound. For example `failureRate < 0.20`."""
    warn: Expression | None = None
    """The same for the warning bound."""
    min_count: Annotated[int, Field(ge=1, le=1_000_000_000)] = 20
    """Events below which the check is inconclusive."""


class AlertsQuietCheckFile(CheckFile):
    """No open alert for a while, with somebody watching and something to watch."""

    kind: Literal["alerts_quiet"]
    codes: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    """Alert codes."""
    severities: Annotated[tuple[Literal["P1", "P2", "P3"], ...], Field(max_length=3)] = ()
    """All codes of these severities, beside those of `codes`."""
    for_: Annotated[Duration, Field(alias="for")]
    """How long it has been quiet; at most 30d."""


class RegressionCheckFile(CheckFile):
    """Suites that passed at the commit of the release."""

    kind: Literal["regression"]
    source: RunSource
    """`authz`: authorization regression runs; `ci`: test reports."""
    suite: Name | None = None
    """One suite; left out, every suite reported at the commit has to pass, and there has to be one."""
    max_age: Duration = "24h"
    require_cross_tenant_negatives: bool = False
    """At least one refused attempt from another tenant for each tenant-scoped operation; `authz` only."""
    allow_skipped: bool | None = None
    """Whether skipped cases are let through; unless said, yes for `ci` and no for `authz`."""


CheckFileKinds = Annotated[SignalCheckFile | AlertsQuietCheckFile | RegressionCheckFile, Field(discriminator="kind")]


class GateFile(_Published):
    """A gate: the questions that a release has to answer before it goes out."""

    api_version: Literal["tidegate/v1"]
    kind: Literal["Gate"]
    id: Slug
    title: Name
    sprint: Name | None = None
    owner: Name
    on_warning: Literal["go", "hold"] = "go"
    """What a warning makes of the gate."""
    checks: Annotated[list[CheckFileKinds], Field(max_length=MAX_CHECKS)]
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
    location = tuple(part for part in first["loc"] if part not in _KINDS)
    if first["type"] in {"union_tag_invalid", "union_tag_not_found"}:
        location = (*location, "kind")
    field = field_of(location) or "body"
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return GateFileInvalidError(f"{field}: {first['msg']}{more}", field=field)
