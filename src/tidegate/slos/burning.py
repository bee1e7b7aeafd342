"""What one look at all objectives finds burning: the facts that alerts are made of. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from fractions import Fraction

from tidegate.kernel import WorkspaceId, format_duration
from tidegate.slos.model import BurnSeverity

__all__ = ["BurnCode", "BurnFinding", "Unanswered"]


class BurnCode(StrEnum):
    """What an alert of it is called."""

    CORE = "core_error_budget_burn"
    """An objective of the family `request` of a service."""
    FAST = "objective_burn_fast"
    SLOW = "objective_burn_slow"


@dataclass(frozen=True, slots=True)
class BurnFinding:
    """An objective whose budget burns too fast in both windows of a pair, of a service or one of its tenants."""

    workspace: WorkspaceId
    objective: str
    service: str
    tenant: str | None
    family: str
    severity: BurnSeverity
    long: timedelta
    short: timedelta
    burn_long: Fraction
    burn_short: Fraction
    factor: Fraction
    count: int
    """Events, or slices with data, in the long window."""
    runbook: str | None = None

    @property
    def code(self) -> BurnCode:
        if self.family == "request" and self.tenant is None:
            return BurnCode.CORE
        return BurnCode.FAST if self.severity is BurnSeverity.P1 else BurnCode.SLOW

    @property
    def sentence(self) -> str:
        """Say it to a person: number, bound, time."""
        where = f"service {self.service}" + (f", tenant {self.tenant}" if self.tenant is not None else "")
        return (
            f"The error budget of {self.objective} burns {float(self.burn_long):.3g} times too fast over "
            f"{format_duration(self.long)} and {float(self.burn_short):.3g} times over {format_duration(self.short)} "
            f"on {where}; the bound is {float(self.factor):g}."
        )


@dataclass(frozen=True, slots=True)
class Unanswered:
    """An objective of which nothing can be told now, and why: neither burning nor well."""

    workspace: WorkspaceId
    objective: str
    reason: str
