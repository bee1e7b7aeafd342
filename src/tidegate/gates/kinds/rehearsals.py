"""`rollback_proof` and `drill`: rehearsals recorded as evidence for this release."""

from typing import Annotated, Literal

from pydantic import Field

from tidegate.gates.check_files import Duration, Name
from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.kinds.standings import StandingCheckFile
from tidegate.gates.model import DrillSpec, RollbackSpec
from tidegate.gates.ports import Catalogues

__all__ = ["DrillCheckFile", "RollbackProofCheckFile"]

_Seconds = Annotated[float, Field(gt=0, le=1_000_000)]


class RollbackProofCheckFile(StandingCheckFile):
    """A rehearsal of this release's rollback passed, every step of it."""

    kind: Literal["rollback_proof"]
    max_age: Duration = "14d"
    """Counted from the oldest of receipt, `producedAt` and the end of the rehearsal; at most 366d."""
    environment: Name | None = None
    """Where it has to have been rehearsed."""
    max_recovery_s: _Seconds | None = None
    """How long it may have taken until it worked again."""

    def read(self, place: str, catalogues: Catalogues) -> RollbackSpec:  # noqa: ARG002 - names nothing of the catalogues
        asked = self.asked("rollback-proof", self.max_age, place)
        return RollbackSpec(asked=asked, environment=self.environment, max_recovery_s=self.max_recovery_s)


class DrillCheckFile(StandingCheckFile):
    """A drill of this name passed for this release, every step of it, and each gap that it found has an owner."""

    kind: Literal["drill"]
    drill: Name
    """For example `kill-switch` or `restore`; its evidence has this title."""
    max_age: Duration = "30d"
    """Counted from the oldest of receipt, `producedAt` and the end of the drill; at most 366d."""
    environment: Name | None = None
    """Where it has to have been held."""
    max_recovery_s: _Seconds | None = None
    """How long it may have taken until it worked again."""

    def read(self, place: str, catalogues: Catalogues) -> DrillSpec:  # noqa: ARG002 - names nothing of the catalogues
        if self.evidence_title is not None:
            raise GateFileInvalidError(
                "The evidence of a drill has the name of the drill as its title: remove it.",
                field=f"{place}.evidenceTitle",
            )
        asked = self.asked("drill", self.max_age, place, title=self.drill)
        return DrillSpec(
            asked=asked, environment=self.environment, max_recovery_s=self.max_recovery_s, drill=self.drill
        )
