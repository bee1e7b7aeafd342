"""What a gate asks: its checks and what each of them wants to know. Pure."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from tidegate.kernel import GateId
from tidegate.signals import Family

TEMPLATE_VERSION = 0
"""Version of a gate that comes with the package: stored versions count from 1."""


class CheckKind(StrEnum):
    SIGNAL = "signal"
    ALERTS_QUIET = "alerts_quiet"
    REGRESSION = "regression"


class RunSource(StrEnum):
    """Where the runs of a regression check come from."""

    AUTHZ = "authz"
    CI = "ci"


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """A bound on the figures of a family over a window."""

    family: Family
    window: timedelta
    expression: str
    """CEL over the figures; true means within the bound."""
    warn_expression: str | None
    """The same for the warning bound."""
    min_count: int
    """Below it the check is inconclusive, whatever the figures say."""
    service: str | None
    """`None` means every service of the release, each for itself."""
    tenant: str | None
    is_release_only: bool
    """Whether only telemetry that names the version of the release counts."""


@dataclass(frozen=True, slots=True)
class QuietSpec:
    """No open alert of some codes for a while."""

    codes: tuple[str, ...]
    quiet_for: timedelta
    service: str | None


@dataclass(frozen=True, slots=True)
class RegressionSpec:
    """Suites that passed at the commit of the release."""

    source: RunSource
    suite: str | None
    """`None` means every suite reported at the commit."""
    max_age: timedelta
    service: str | None
    requires_cross_tenant_negatives: bool
    allows_skipped: bool


CheckSpec = SignalSpec | QuietSpec | RegressionSpec


@dataclass(frozen=True, slots=True)
class Check:
    id: str
    title: str
    owner: str
    spec: CheckSpec
    required: bool = True
    runbook: str | None = None
    """Slug of the runbook page that helps when it does not pass."""

    @property
    def kind(self) -> CheckKind:
        match self.spec:
            case SignalSpec():
                return CheckKind.SIGNAL
            case QuietSpec():
                return CheckKind.ALERTS_QUIET
            case RegressionSpec():
                return CheckKind.REGRESSION


@dataclass(frozen=True, slots=True)
class Gate:
    """A gate file as it was applied."""

    id: GateId
    title: str
    owner: str
    checks: tuple[Check, ...]
    policy_digest: str
    """Of the canonical JSON of the file, defaults written out."""
    version: int
    sprint: str | None = None
    holds_on_warning: bool = False
    applied_at: datetime | None = None
    """`None` for a gate that comes with the package."""
    problem: str | None = None
    """Why the stored file cannot be read; such a gate has no checks and holds."""
