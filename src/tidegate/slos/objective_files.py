"""The objective file: its shape, how text becomes objectives, and the one byte form that is stored."""

import re
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Annotated, Any, Final, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, StringConstraints, ValidationError

from tidegate.edge.bodies import field_of
from tidegate.edge.caller import Role
from tidegate.edge.documents import Document, DocumentUnreadableError, load_documents
from tidegate.edge.wire import WireModel
from tidegate.kernel import InvalidInputError, canonical_json, format_duration, parse_duration
from tidegate.runbooks import find_runbook
from tidegate.signals import Family
from tidegate.slos.errors import ObjectiveInvalidError
from tidegate.slos.model import (
    BudgetPolicy,
    BurnPair,
    BurnSeverity,
    Calendar,
    CalendarUnit,
    Events,
    Indicator,
    Objective,
    Operator,
    Rolling,
    Slices,
    Window,
    calendar_window,
    factor_of,
    make_objective,
    nominal_length,
    rolling_window,
    too_late,
)
from tidegate.slos.openslo import as_objective_file, is_openslo

__all__ = ["MAX_FILE_BYTES", "ObjectiveFile", "body_of", "file_of", "objective_of_body", "parse_objectives"]

MAX_FILE_BYTES: Final = 512 * 1024
MAX_OBJECTIVES: Final = 200  # a file; a page of 200 is what lists show
_SLUG: Final = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
_URL: Final = re.compile(r"https://[^\s\x00-\x1f\x7f<>\"']{1,500}")


def _as_number(value: object) -> object:
    """Read a number from its digits: 0.1 is a tenth, and `true` is none."""
    if isinstance(value, bool) or not isinstance(value, int | float | str | Decimal):
        raise ValueError("a number is wanted")  # noqa: TRY004 - pydantic makes sentences of ValueErrors
    return str(value)


Exact = Annotated[
    Decimal,
    BeforeValidator(_as_number, json_schema_input_type=float | str),
    Field(max_digits=24, decimal_places=12, allow_inf_nan=False),
    PlainSerializer(lambda number: f"{number.normalize():f}", return_type=str, when_used="json"),
]
Text = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f-\x9f]+$", max_length=200)]
Length = Annotated[str, StringConstraints(pattern=r"^[0-9a-z]{2,20}$")]


class _Published(WireModel):
    model_config = ConfigDict(use_attribute_docstrings=True)


class MetadataFile(_Published):
    name: Annotated[str, StringConstraints(pattern=_SLUG)]
    """What it is called; unique in the workspace."""
    title: Text
    owner: Text
    """Who answers for it."""


class EventsFile(_Published):
    """Each event is good or bad."""

    bad: Text | None = None
    """Figure of the bad events, as `/metrics/{family}` calls it; or `good`."""
    good: Text | None = None
    total: Text


class SlicesFile(_Published):
    """Each slice of time is good or bad; one without data is unknown."""

    figure: Text
    """Figure that a slice is held against its bound by."""
    length: Length
    """From 1m to 1h; divides an hour."""
    at_most: Exact | None = None
    at_least: Exact | None = None


class IndicatorFile(_Published):
    events: EventsFile | None = None
    slices: SlicesFile | None = None


class WindowFile(_Published):
    rolling: Length | None = None
    """The last so much time: from 1h to 30d."""
    calendar: CalendarUnit | None = None
    time_zone: Text | None = None
    """Where people live, as the IANA database calls it; UTC unless said."""


class BurnFile(_Published):
    """Two windows that both have to burn."""

    severity: BurnSeverity
    long: Length
    short: Length
    factor: Exact | None = None
    """How many times too fast; or `budgetShare`."""
    budget_share: Exact | None = None
    """Share of the budget that burns within the long window."""
    min_count: Annotated[int, Field(ge=1, le=1_000_000_000, strict=True)] | None = None
    """Below so many events in the long window nothing burns; so many that one bad event alone does not, unless said."""


class PolicyFile(_Published):
    """What follows when the budget runs low."""

    freeze_at: Exact = Decimal(0)
    """Share of the budget at which releases freeze."""
    lift_at: Exact | None = None
    """Share above which they go on; as `freezeAt` unless said."""
    excepted_by: tuple[Role, ...] = (Role.OWNER, Role.ADMIN)
    """Roles whose members may let a release through."""
    freeze_without_data: bool = False


class SpecFile(_Published):
    service: Text
    environment: Text | None = None
    family: Family
    indicator: IndicatorFile
    target: Exact
    """Share of good ones: above 0, below 1."""
    window: WindowFile
    per_tenant: bool | None = None
    burn: Literal["workbook"] | tuple[BurnFile, ...] = "workbook"
    policy: PolicyFile = PolicyFile()
    runbook: Annotated[str, StringConstraints(max_length=512)] | None = None
    """A runbook of tidegate, or an https address."""


class ObjectiveFile(_Published):
    """How good a service has to be, and over which time."""

    api_version: Literal["tidegate/v1"]
    kind: Literal["Objective"]
    metadata: MetadataFile
    spec: SpecFile


def parse_objectives(text: bytes) -> tuple[Objective, ...]:
    """Return the objectives in a file: documents of ours, or of OpenSLO v1.

    Raises:
        ObjectiveInvalidError: something in it is wrong; the line and the field are named.
    """
    try:
        documents = load_documents(text, limit_bytes=MAX_FILE_BYTES, limit_count=MAX_OBJECTIVES)
    except DocumentUnreadableError as error:
        raise ObjectiveInvalidError(f"The objective file: {error}") from error
    found = [_objective_in(document) for document in documents]
    if not found:
        raise ObjectiveInvalidError("The file holds no objective.")
    names: set[str] = set()
    for objective, document in zip(found, documents, strict=True):
        if objective.name in names:
            raise _at_line(document, ("metadata", "name"), f"The name {objective.name!r} stands twice.")
        names.add(objective.name)
    return tuple(found)


def _objective_in(document: Document) -> Objective:
    value, is_foreign = document.value, is_openslo(document.value)
    try:
        objective = _objective_of(ObjectiveFile.model_validate(as_objective_file(value) if is_foreign else value))
        _check_pages(objective)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        raise _at_line(document, first["loc"], f"{first['msg']}.") from error
    except InvalidInputError as error:
        place = tuple(int(part) if part.isdigit() else part for part in (error.field or "").split(".") if part)
        raise _at_line(document, place, error.message) from error
    return objective


def _check_pages(objective: Objective) -> None:
    """Refuse what would tell nobody in time. What is stored is not asked again: it was valid when it was set."""
    for position, pair in enumerate(objective.burn_pairs):
        problem = too_late(pair, window=nominal_length(objective.window))
        if problem is not None:
            raise ObjectiveInvalidError(problem, f"spec.burn.{position}")
    if objective.burn_pairs or objective.has_own_burn:
        return
    reasons = " ".join(f"{one.pair.words}: {one.reason}" for one in objective.left_out)
    raise ObjectiveInvalidError(
        f"No pair of the workbook can burn here, so nobody would be told. {reasons} "
        "Write `burn` down, or `burn: []` to tell nobody.",
        "spec.burn",
    )


def _at_line(document: Document, place: tuple[str | int, ...], message: str) -> ObjectiveInvalidError:
    field = field_of(place) or None
    where = f"line {document.line_of(place)}" + (f", {field}" if field else "")
    return ObjectiveInvalidError(f"{where}: {message}", field)


def _objective_of(file: ObjectiveFile) -> Objective:
    spec = file.spec
    window = _window_of(spec.window)
    _check_runbook(spec.runbook)
    try:
        return make_objective(
            name=file.metadata.name,
            title=file.metadata.title,
            owner=file.metadata.owner,
            service=spec.service,
            environment=spec.environment,
            family=spec.family,
            indicator=_indicator_of(spec.indicator),
            target=spec.target,
            window=window,
            burn_pairs=None if spec.burn == "workbook" else [_pair_of(i, p, window) for i, p in enumerate(spec.burn)],
            policy=_policy_of(spec.policy),
            runbook=spec.runbook,
            is_per_tenant=spec.per_tenant,
        )
    except ObjectiveInvalidError as error:
        raise ObjectiveInvalidError(error.message, _within_spec(error.field)) from error


def _within_spec(field: str | None) -> str | None:
    return field if field is None or field.startswith("spec.") else f"spec.{field}"


def _indicator_of(file: IndicatorFile) -> Indicator:
    if (file.events is None) == (file.slices is None):
        raise ObjectiveInvalidError("Say either `events` or `slices`.", "indicator")
    if file.events is not None:
        return Events(file.events.bad, file.events.good, file.events.total)
    slices = file.slices
    if slices is None or (slices.at_most is None) == (slices.at_least is None):
        raise ObjectiveInvalidError("Say either `atMost` or `atLeast`.", "indicator.slices")
    length = parse_duration(slices.length, field="spec.indicator.slices.length")
    if slices.at_most is not None:
        return Slices(slices.figure, length, Operator.AT_MOST, slices.at_most)
    return Slices(slices.figure, length, Operator.AT_LEAST, slices.at_least or Decimal(0))


def _window_of(file: WindowFile) -> Window:
    if (file.rolling is None) == (file.calendar is None):
        raise ObjectiveInvalidError("Say either `rolling` or `calendar`.", "spec.window")
    if file.rolling is not None:
        if file.time_zone is not None:
            raise ObjectiveInvalidError("A rolling window has no time zone.", "spec.window.timeZone")
        length = parse_duration(file.rolling, field="spec.window.rolling")
        return rolling_window(length, field="spec.window.rolling")
    return calendar_window(str(file.calendar), file.time_zone or "UTC", field="spec.window.timeZone")


def _pair_of(position: int, file: BurnFile, window: Window) -> BurnPair:
    field = f"spec.burn.{position}"
    long, short = parse_duration(file.long, field=f"{field}.long"), parse_duration(file.short, field=f"{field}.short")
    if (file.factor is None) == (file.budget_share is None):
        raise ObjectiveInvalidError("Say either `factor` or `budgetShare`.", field)
    if file.factor is not None:
        return BurnPair(file.severity, long, short, Fraction(file.factor), file.min_count)
    if long.total_seconds() % 60:
        raise ObjectiveInvalidError("A window is whole minutes.", f"{field}.long")
    factor = factor_of(Fraction(file.budget_share or 0), window=nominal_length(window), long=long)
    return BurnPair(file.severity, long, short, factor, file.min_count)


def _policy_of(file: PolicyFile) -> BudgetPolicy:
    lift_at = file.freeze_at if file.lift_at is None else file.lift_at
    roles = tuple(sorted({role.value for role in file.excepted_by}))
    return BudgetPolicy(Fraction(file.freeze_at), Fraction(lift_at), roles, file.freeze_without_data)


def _check_runbook(runbook: str | None) -> None:
    if runbook is None or _URL.fullmatch(runbook) or find_runbook(runbook) is not None:
        return
    raise ObjectiveInvalidError(
        f"The runbook {runbook!r} resolves to nothing: name one of `tidegate`'s, or an https address.", "spec.runbook"
    )


def file_of(objective: Objective) -> ObjectiveFile:
    """Return the file that says what `objective` is, whole: with all that was left to be filled in."""
    metadata = {"name": objective.name, "title": objective.title, "owner": objective.owner}
    spec: dict[str, Any] = {
        "service": objective.service,
        "environment": objective.environment,
        "family": objective.family,
        "indicator": _indicator_file(objective.indicator),
        "target": objective.target,
        "window": _window_file(objective.window),
        "perTenant": objective.is_per_tenant,
        "burn": _burn_file(objective) if objective.has_own_burn else "workbook",
        "policy": {
            "freezeAt": _decimal(objective.policy.freeze_at),
            "liftAt": _decimal(objective.policy.lift_at),
            "exceptedBy": objective.policy.excepted_by,
            "freezeWithoutData": objective.policy.is_frozen_without_data,
        },
        "runbook": objective.runbook,
    }
    return ObjectiveFile.model_validate(
        {"apiVersion": "tidegate/v1", "kind": "Objective", "metadata": metadata, "spec": spec}
    )


def _burn_file(objective: Objective) -> Any:  # noqa: ANN401 - a word, or a list
    return [
        {
            "severity": pair.severity,
            "long": format_duration(pair.long),
            "short": format_duration(pair.short),
            "factor": _decimal(pair.factor),
            "minCount": pair.min_count,
        }
        for pair in objective.burn_pairs
    ]


def _indicator_file(indicator: Indicator) -> Mapping[str, Any]:
    if isinstance(indicator, Events):
        return {"events": {"bad": indicator.bad, "good": indicator.good, "total": indicator.total}}
    length = format_duration(indicator.length)
    return {"slices": {"figure": indicator.figure, "length": length, indicator.operator.value: indicator.bound}}


def _window_file(window: Window) -> Mapping[str, Any]:
    if isinstance(window, Rolling):
        return {"rolling": format_duration(window.length)}
    assert isinstance(window, Calendar)  # noqa: S101 - there is no third
    return {"calendar": window.unit, "timeZone": window.zone}


def _decimal(share: Fraction) -> Decimal:
    return round(Decimal(share.numerator) / Decimal(share.denominator), 12)


def body_of(objective: Objective) -> bytes:
    """Return the one byte form of an objective: its SHA-256 is the digest."""
    return canonical_json(file_of(objective).model_dump(mode="json", by_alias=True, exclude_none=True))


def objective_of_body(body: Mapping[str, Any]) -> Objective:
    """Return the objective that is stored as `body`."""
    return _objective_of(ObjectiveFile.model_validate(body))
