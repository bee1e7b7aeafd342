"""`signal`: a bound on the figures of a family over a window."""

import asyncio
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from tidegate.gates.check_files import CheckFile, Duration, Expression, Name, read_length
from tidegate.gates.expressions import compile_bound
from tidegate.gates.kinds.subjects import services_of
from tidegate.gates.model import Check, CheckResult, SignalReading, SignalSpec, measure_signal
from tidegate.gates.model.measures.findings import Finding
from tidegate.gates.model.measures.signal import not_of_release, of_other_versions
from tidegate.gates.ports import Catalogues
from tidegate.kernel import TimeRange, WorkspaceId
from tidegate.releases import Release, ReleaseService
from tidegate.signals import Family, SignalReader, SignalScope, Totals

__all__ = ["SignalCheckFile", "SignalSource"]

_Question = tuple[WorkspaceId, Family, TimeRange, SignalScope]


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

    def read(self, place: str, catalogues: Catalogues) -> SignalSpec:  # noqa: ARG002 - names nothing of the catalogues
        compile_bound(self.expression, self.family, field=f"{place}.expression")
        if self.warn is not None:
            compile_bound(self.warn, self.family, field=f"{place}.warn")
        return SignalSpec(
            family=self.family,
            window=read_length(self.window, f"{place}.window"),
            expression=self.expression,
            warn_expression=self.warn,
            min_count=self.min_count,
            service=self.service,
            tenant=self.tenant,
            is_release_only=self.version == "release",
        )


class SignalSource:
    """Measures `signal` checks with the figures of the telemetry store."""

    def __init__(self, signals: SignalReader) -> None:
        self._signals = signals
        self._under_way: dict[_Question, asyncio.Future[Totals]] = {}

    async def measure(self, workspace: WorkspaceId, check: Check, release: Release, *, now: datetime) -> CheckResult:
        spec = check.spec
        assert isinstance(spec, SignalSpec)  # noqa: S101 - sources are chosen by kind
        services = services_of(spec.service, release)
        totals = await asyncio.gather(*(self._totals(workspace, spec, own, now=now) for own in services))
        objections = await asyncio.gather(*(self._objection(workspace, spec, own, now=now) for own in services))
        return measure_signal(
            check,
            {own.service: SignalReading(read, now) for own, read in zip(services, totals, strict=True)},
            bound=compile_bound(spec.expression, spec.family, field="expression"),
            warn_bound=compile_bound(spec.warn_expression, spec.family, field="warn") if spec.warn_expression else None,
            now=now,
            objections=[one for one in objections if one],
        )

    async def _objection(
        self, workspace: WorkspaceId, spec: SignalSpec, own: ReleaseService, *, now: datetime
    ) -> Finding | None:
        """Return why the telemetry of `own` is not of this release, `None` when it is."""
        if not own.version:
            return not_of_release(own.service)
        if spec.is_release_only:
            return None
        window, scope = TimeRange(now - spec.window, now), SignalScope(service=own.service)
        seen = await self._signals.totals_by(workspace, spec.family, window, by="release", scope=scope)
        return of_other_versions(own.service, own.version, seen)

    async def _totals(self, workspace: WorkspaceId, spec: SignalSpec, own: ReleaseService, *, now: datetime) -> Totals:
        version = own.version if spec.is_release_only else None
        scope = SignalScope(service=own.service, release=version, tenant=spec.tenant)
        question = (workspace, spec.family, TimeRange(now - spec.window, now), scope)
        # Checks of a gate are measured at once and at one moment, and often ask the same: four of `ai-action` do.
        answer = self._under_way.get(question)
        if answer is None:
            answer = asyncio.ensure_future(self._ask(question))
            self._under_way[question] = answer
            answer.add_done_callback(lambda done: self._forget(question, done))
        return await asyncio.shield(answer)

    def _forget(self, question: "_Question", answer: "asyncio.Future[Totals]") -> None:
        del self._under_way[question]
        if not answer.cancelled():
            answer.exception()  # seen: when all who asked gave up, asyncio would complain that nobody looked

    async def _ask(self, question: "_Question") -> Totals:
        workspace, family, window, scope = question
        return await self._signals.totals(workspace, family, window, scope=scope)
