"""`load`: a load run met its objectives."""

from typing import Annotated, Literal

from pydantic import Field

from tidegate.gates.check_files import Duration
from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.kinds.standings import StandingCheckFile
from tidegate.gates.model import LoadSpec
from tidegate.gates.ports import Catalogues

__all__ = ["LoadCheckFile"]

_Positive = Annotated[float, Field(gt=0, le=1_000_000_000)]


class LoadCheckFile(StandingCheckFile):
    """A load run (k6, Locust) met the objectives of the gate, and crossed none of its own thresholds."""

    kind: Literal["load"]
    max_age: Duration = "7d"
    """At most 366d."""
    min_requests: Annotated[int, Field(ge=1, le=1_000_000_000)] = 100
    """Requests below which the run is inconclusive."""
    max_failure_ratio: Annotated[float, Field(ge=0, lt=1)] = 0.01
    p95_ms: _Positive | None = None
    p99_ms: _Positive | None = None
    min_requests_per_s: _Positive | None = None
    min_duration_s: _Positive | None = None
    thresholds: Literal["if-any", "required"] = "if-any"
    """`required`: the run has to say bounds of its own and that it kept them. One that it crossed fails it always."""

    def read(self, place: str, catalogues: Catalogues) -> LoadSpec:  # noqa: ARG002 - names nothing of the catalogues
        bounds = (self.p95_ms, self.p99_ms, self.min_requests_per_s)
        if self.thresholds == "if-any" and all(bound is None for bound in bounds):
            raise GateFileInvalidError(
                "Every run would pass: give p95Ms, p99Ms or minRequestsPerS, or `thresholds: required`.",
                field=f"{place}.p95Ms",
            )
        return LoadSpec(
            asked=self.asked("load", self.max_age, place),
            min_requests=self.min_requests,
            max_failure_ratio=self.max_failure_ratio,
            p95_ms=self.p95_ms,
            p99_ms=self.p99_ms,
            min_requests_per_s=self.min_requests_per_s,
            min_duration_s=self.min_duration_s,
            needs_thresholds=self.thresholds == "required",
        )
