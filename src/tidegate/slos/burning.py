"""What one look at all objectives finds burning: the facts that alerts are made of. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from fractions import Fraction

from tidegate.kernel import WorkspaceId, format_duration
from tidegate.slos.model import BurnSeverity, percent

__all__ = ["BurnAnswer", "BurnCode", "BurnFinding", "BurnLook", "BurnReading", "BurnSubject"]


class BurnCode(StrEnum):
    """What an alert of it is called."""

    CORE = "core_error_budget_burn"
    """An objective of the family `request` of a service."""
    FAST = "objective_burn_fast"
    SLOW = "objective_burn_slow"


@dataclass(frozen=True, slots=True)
class BurnSubject:
    """What at most one alert is about: an objective at one severity, of its service or of one tenant."""

    workspace: WorkspaceId
    objective: str
    service: str
    tenant: str | None
    family: str
    severity: BurnSeverity

    @property
    def code(self) -> BurnCode:
        if self.family == "request" and self.tenant is None:
            return BurnCode.CORE
        return BurnCode.FAST if self.severity is BurnSeverity.P1 else BurnCode.SLOW


@dataclass(frozen=True, slots=True)
class BurnFinding:
    """How fast a budget burns in both windows of a pair, of a service or one of its tenants."""

    workspace: WorkspaceId
    objective: str
    service: str
    tenant: str | None
    family: str
    severity: BurnSeverity
    long: timedelta
    short: timedelta
    burn_long: Fraction
    burn_short: Fraction | None
    """`None` only of what does not burn: the short window has no data, and the long one says enough."""
    factor: Fraction
    count: int
    """Events, or slices with data, in the long window."""
    runbook: str | None = None
    owner: str = ""
    window: str = ""
    """Over which time the budget is: `rolling 30d`."""
    left_share: Fraction | None = None
    """How much of the budget is left; below 0 when more is used than there was, `None` when that is not known."""
    pairs: str = ""
    """All pairs of this severity: `1h/5m at 14.4, 6h/30m at 6`."""
    burning_tenant_count: int | None = None
    """Of the service as a whole: how many tenants burn as fast; `None` where that is not told."""
    tenant_count: int = 0

    @property
    def subject(self) -> BurnSubject:
        return BurnSubject(self.workspace, self.objective, self.service, self.tenant, self.family, self.severity)

    @property
    def code(self) -> BurnCode:
        return self.subject.code

    @property
    def sentence(self) -> str:
        """Say it to a person: number, bound, time, and what is left."""
        where = f"service {self.service}" + (f", tenant {self.tenant}" if self.tenant is not None else "")
        return (
            f"The error budget of {self.objective} burns {float(self.burn_long):.3g} times too fast over "
            f"{format_duration(self.long)} and {self._burn_short} over {format_duration(self.short)} "
            f"on {where}; the bound is {float(self.factor):g}. {self._left}"
        )

    @property
    def _burn_short(self) -> str:
        return "is not known" if self.burn_short is None else f"{float(self.burn_short):.3g} times"

    @property
    def _left(self) -> str:
        over = f" of {self.window}" if self.window else ""
        if self.left_share is None:
            return f"How much of the budget{over} is left is not known."
        if self.left_share <= 0:
            return f"Nothing of the budget{over} is left."
        return f"{percent(self.left_share)} of the budget{over} is left."


class BurnAnswer(StrEnum):
    """What one look finds of a subject."""

    BURNING = "burning"
    CALM = "calm"
    """No pair burns, and of each pair one window with data says so."""
    UNKNOWN = "unknown"
    """There are no data to say either: not burning, and not over."""
    GONE = "gone"
    """No objective asks for this any more."""


@dataclass(frozen=True, slots=True)
class BurnReading:
    """What one look finds of one subject."""

    subject: BurnSubject
    answer: BurnAnswer
    finding: BurnFinding | None = None
    """The numbers, of whatever burns or is calm."""


@dataclass(frozen=True, slots=True)
class BurnLook:
    """One look at all objectives: all that burns, and what was asked for besides."""

    at: datetime
    workspaces: Sequence[WorkspaceId]
    readings: Sequence[BurnReading]
