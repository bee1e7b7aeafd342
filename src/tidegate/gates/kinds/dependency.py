"""`dependency`: what one role needs of another was received, or is provisional until a date."""

from typing import Annotated, Literal

from pydantic import Field

from tidegate.gates.check_files import Duration, Name
from tidegate.gates.kinds.standings import StandingCheckFile
from tidegate.gates.model import DependencySpec
from tidegate.gates.ports import Catalogues

__all__ = ["DependencyCheckFile"]


class DependencyCheckFile(StandingCheckFile):
    """Dependencies between roles were received, or are provisional until a date."""

    kind: Literal["dependency"]
    from_: Annotated[Name | None, Field(alias="from")] = None
    """Only those that this role owes."""
    to: Name | None = None
    """Only those that this role needs."""
    min_count: Annotated[int, Field(ge=1, le=100)] = 1
    """How many there have to be; all there are have to have come."""
    max_age: Duration = "90d"
    """At most 366d."""

    def read(self, place: str, catalogues: Catalogues) -> DependencySpec:  # noqa: ARG002 - names nothing of the catalogues
        return DependencySpec(
            asked=self.asked("dependency", self.max_age, place),
            from_role=self.from_,
            to_role=self.to,
            min_count=self.min_count,
        )
