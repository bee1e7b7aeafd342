"""`scan`: what analysers (SARIF) and bills of materials (CycloneDX) found."""

from typing import Annotated, Literal

from pydantic import Field

from tidegate.gates.check_files import Duration
from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.kinds.standings import StandingCheckFile
from tidegate.gates.model import ScanSpec
from tidegate.gates.model.measures.scan import LEVELS, SEVERITIES
from tidegate.gates.ports import Catalogues

__all__ = ["ScanCheckFile"]


class ScanCheckFile(StandingCheckFile):
    """No finding that is new and not suppressed, or no vulnerability that is open."""

    kind: Literal["scan"]
    format: Literal["sarif", "cyclonedx"]
    level: Literal["error", "warning", "note", "none"] | None = None
    """Findings of this level or worse fail it, `error` unless said; `sarif` only."""
    severity: Literal["critical", "high", "medium", "low", "info", "none"] | None = None
    """Vulnerabilities of this severity or worse or of an unknown one fail it, `high` unless said; `cyclonedx` only."""
    max_count: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """How many of them are let through."""
    max_age: Duration = "24h"
    """At most 366d."""
    trust_unknown_execution: bool = False
    """Take a SARIF log whose tool does not say that it ran to its end, as long as it has a list of results."""

    def read(self, place: str, catalogues: Catalogues) -> ScanSpec:  # noqa: ARG002 - names nothing of the catalogues
        is_log = self.format == "sarif"
        foreign = {
            "level": self.level is not None and not is_log,
            "severity": self.severity is not None and is_log,
            "trustUnknownExecution": self.trust_unknown_execution and not is_log,
        }
        for name in (name for name, is_so in foreign.items() if is_so):
            raise GateFileInvalidError(f"A scan of format {self.format} has no such field.", field=f"{place}.{name}")
        ladder, bound = (LEVELS, self.level or "error") if is_log else (SEVERITIES, self.severity or "high")
        return ScanSpec(
            asked=self.asked(self.format, self.max_age, place),
            worst=ladder[: ladder.index(bound) + 1],
            max_count=self.max_count,
            trusts_unknown_execution=self.trust_unknown_execution,
        )
