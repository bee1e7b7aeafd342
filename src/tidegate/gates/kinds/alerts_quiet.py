"""`alerts_quiet`: no open alert for a while, with somebody watching and something to watch."""

import asyncio
from collections.abc import Collection
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from tidegate.gates.check_files import CheckFile, Duration, Name, read_length
from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.kinds.subjects import services_of
from tidegate.gates.model import Check, CheckResult, QuietSpec, measure_quiet
from tidegate.gates.ports import AlertCatalogue, Catalogues, QuietReader
from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.releases import Release
from tidegate.signals import Family, SignalReader, SignalScope

__all__ = ["AlertsQuietCheckFile", "QuietSource"]


class AlertsQuietCheckFile(CheckFile):
    """No open alert for a while, with somebody watching and something to watch."""

    kind: Literal["alerts_quiet"]
    codes: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    """Alert codes."""
    severities: Annotated[tuple[Literal["P1", "P2", "P3"], ...], Field(max_length=3)] = ()
    """All codes of these severities, beside those of `codes`."""
    for_: Annotated[Duration, Field(alias="for")]
    """How long it has been quiet; at most 30d."""

    def read(self, place: str, catalogues: Catalogues) -> QuietSpec:
        for position, code in enumerate(self.codes):
            if code not in catalogues.rules:
                known = ", ".join(sorted(catalogues.rules))
                raise GateFileInvalidError(
                    f"There is no alert code {code!r}. There are: {known}.", field=f"{place}.codes.{position}"
                )
        severe = {rule.code for rule in catalogues.rules.values() if rule.severity in self.severities}
        codes = tuple(sorted(severe | set(self.codes)))
        if not codes:
            raise GateFileInvalidError(
                "Name at least one alert code, or a severity that a rule has.", field=f"{place}.codes"
            )
        return QuietSpec(codes=codes, quiet_for=read_length(self.for_, f"{place}.for"), service=self.service)


class QuietSource:
    """Measures `alerts_quiet` checks: what the evaluator saw, and whether there was anything to see."""

    def __init__(self, *, alerts: QuietReader, catalogue: AlertCatalogue, signals: SignalReader) -> None:
        self._alerts = alerts
        self._families = {rule.code: rule.family for rule in catalogue.list_rules()}
        self._signals = signals

    async def measure(self, workspace: WorkspaceId, check: Check, release: Release, *, now: datetime) -> CheckResult:
        spec = check.spec
        assert isinstance(spec, QuietSpec)  # noqa: S101 - sources are chosen by kind
        services = [own.service for own in services_of(spec.service, release)]
        window = TimeRange(now - spec.quiet_for, now)
        quiet = await self._alerts.read_quiet(workspace, spec.codes, services, since=window.start)
        families = {self._families[code] for code in spec.codes}
        counts = await asyncio.gather(*(self._activity(workspace, families, service, window) for service in services))
        outside = [name for name in services if release.find_service(name) is None]
        heard = {name: 0 if name in outside else count for name, count in zip(services, counts, strict=True)}
        return measure_quiet(check, quiet, heard, now=now)

    async def _activity(
        self, workspace: WorkspaceId, families: Collection[Family], service: str, window: TimeRange
    ) -> int:
        """Return the events of the family heard least: each has to be heard for its alerts to mean anything."""
        scope = SignalScope(service=service)
        totals = await asyncio.gather(
            *(self._signals.totals(workspace, family, window, scope=scope) for family in sorted(families))
        )
        return min((one.count for one in totals), default=0)
