"""From a gate file to a gate: names resolved, durations read, expressions compiled, digest taken."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.expressions import compile_bound
from tidegate.gates.gate_files import (
    AlertsQuietCheckFile,
    GateFile,
    RegressionCheckFile,
    SignalCheckFile,
)
from tidegate.gates.model import (
    TEMPLATE_VERSION,
    Check,
    CheckSpec,
    Gate,
    QuietSpec,
    RegressionSpec,
    RunSource,
    SignalSpec,
)
from tidegate.gates.ports import AlertCatalogue, AlertRule, RunbookCatalogue
from tidegate.kernel import GateId, InvalidInputError, canonical_json, digest_of, parse_duration

__all__ = ["GateReader", "body_of"]

MAX_LENGTH_OF_TIME = timedelta(days=30)
"""SIGNALS section 3: windows go up to 30 d."""


def body_of(file: GateFile) -> bytes:
    """Return the canonical JSON of a file with its defaults written out: what is stored and digested."""
    return canonical_json(file.model_dump(mode="json", by_alias=True))


class GateReader:
    """Turns files into gates, with the alert rules and runbooks that exist."""

    def __init__(self, *, alerts: AlertCatalogue, runbooks: RunbookCatalogue) -> None:
        self._rules: Mapping[str, AlertRule] = {rule.code: rule for rule in alerts.list_rules()}
        self._runbooks = runbooks

    def read(self, file: GateFile, *, version: int = TEMPLATE_VERSION, applied_at: datetime | None = None) -> Gate:
        """Return the gate in `file`.

        Raises:
            GateFileInvalidError: a check names something that does not exist; the field is named.
        """
        seen: set[str] = set()
        for position, check in enumerate(file.checks):
            if check.id in seen:
                raise GateFileInvalidError(
                    f"The check {check.id!r} stands twice: give each check its own id.", field=f"checks.{position}.id"
                )
            seen.add(check.id)
        return Gate(
            id=GateId(file.id),
            title=file.title,
            owner=file.owner,
            checks=tuple(self._check(check, f"checks.{position}") for position, check in enumerate(file.checks)),
            policy_digest=digest_of(body_of(file)),
            version=version,
            sprint=file.sprint,
            holds_on_warning=file.on_warning == "hold",
            applied_at=applied_at,
        )

    def _check(self, file: SignalCheckFile | AlertsQuietCheckFile | RegressionCheckFile, place: str) -> Check:
        return Check(
            id=file.id,
            title=file.title,
            owner=file.owner,
            spec=self._spec(file, place),
            required=file.required,
            runbook=self._runbook(file.runbook, f"{place}.runbook"),
        )

    def _runbook(self, name: str | None, place: str) -> str | None:
        if name is None:
            return None
        slug = self._runbooks.find_slug(name)
        if slug is None:
            raise GateFileInvalidError(f"There is no runbook {name!r}.", field=place)
        return slug

    def _spec(self, file: SignalCheckFile | AlertsQuietCheckFile | RegressionCheckFile, place: str) -> CheckSpec:
        match file:
            case SignalCheckFile():
                return _signal(file, place)
            case AlertsQuietCheckFile():
                return self._quiet(file, place)
            case RegressionCheckFile():
                return _regression(file, place)

    def _quiet(self, file: AlertsQuietCheckFile, place: str) -> QuietSpec:
        for position, code in enumerate(file.codes):
            if code not in self._rules:
                known = ", ".join(sorted(self._rules))
                raise GateFileInvalidError(
                    f"There is no alert code {code!r}. There are: {known}.", field=f"{place}.codes.{position}"
                )
        severe = {rule.code for rule in self._rules.values() if rule.severity in file.severities}
        codes = tuple(sorted(severe | set(file.codes)))
        if not codes:
            raise GateFileInvalidError(
                "Name at least one alert code, or a severity that a rule has.", field=f"{place}.codes"
            )
        return QuietSpec(codes=codes, quiet_for=_length(file.for_, f"{place}.for"), service=file.service)


def _signal(file: SignalCheckFile, place: str) -> SignalSpec:
    compile_bound(file.expression, file.family, field=f"{place}.expression")
    if file.warn is not None:
        compile_bound(file.warn, file.family, field=f"{place}.warn")
    return SignalSpec(
        family=file.family,
        window=_length(file.window, f"{place}.window"),
        expression=file.expression,
        warn_expression=file.warn,
        min_count=file.min_count,
        service=file.service,
        tenant=file.tenant,
        is_release_only=file.version == "release",
    )


def _regression(file: RegressionCheckFile, place: str) -> RegressionSpec:
    if file.require_cross_tenant_negatives and file.source is not RunSource.AUTHZ:
        raise GateFileInvalidError(
            "Only authorization regression runs say who tried what: remove it, or use `source: authz`.",
            field=f"{place}.requireCrossTenantNegatives",
        )
    allows_skipped = file.source is RunSource.CI if file.allow_skipped is None else file.allow_skipped
    return RegressionSpec(
        source=file.source,
        suite=file.suite,
        max_age=_length(file.max_age, f"{place}.maxAge"),
        service=file.service,
        requires_cross_tenant_negatives=file.require_cross_tenant_negatives,
        allows_skipped=allows_skipped,
    )


def _length(text: str, place: str) -> timedelta:
    try:
        length = parse_duration(text, field=place)
    except InvalidInputError as error:
        raise GateFileInvalidError(error.message, field=place) from error
    if not timedelta(seconds=1) <= length <= MAX_LENGTH_OF_TIME:
        raise GateFileInvalidError(f"{text!r} is out of range: from 1s to 30d.", field=place)
    return length
