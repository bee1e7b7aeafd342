"""What a gate asks: its checks and what each of them wants to know. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import ClassVar

from tidegate.kernel import GateId, digest_of
from tidegate.kernel.canonical import JsonValue

MAX_WAIVER = timedelta(days=14)
"""How long a waiver may last where the gate file does not say."""
TEMPLATE_VERSION = 0
"""Version of a gate that comes with the package: stored versions count from 1."""


class CheckKind(StrEnum):
    """What a check reads and how it is judged."""

    SIGNAL = "signal"
    ALERTS_QUIET = "alerts_quiet"
    REGRESSION = "regression"
    SCAN = "scan"
    EVIDENCE = "evidence"
    APPROVAL = "approval"
    FREEZE = "freeze"
    SLO = "slo"
    GATE = "gate"
    LOAD = "load"
    ROLLBACK_PROOF = "rollback_proof"
    DRILL = "drill"
    DEPENDENCY = "dependency"
    PROM = "prom"
    WEBHOOK = "webhook"


class CheckSpec:
    """What a check of one kind wants to know; a frozen dataclass beside the measure of the kind."""

    __slots__ = ()
    kind: ClassVar[CheckKind]

    def define(self) -> Mapping[str, JsonValue]:
        """Return the fields of the gate file that are particular to the kind; `None` stands for one left out."""
        raise NotImplementedError

    @property
    def tenant_named(self) -> str | None:
        """The one tenant that it asks about; `None` when it asks about all."""
        return None


@dataclass(frozen=True, slots=True)
class Check:
    id: str
    title: str
    owner: str
    spec: CheckSpec
    required: bool = True
    runbook: str | None = None
    """Slug of the runbook page that helps when it does not pass."""
    weight: float = 1.0
    """Points that it is worth where the gate has a score; 0 leaves it out."""

    @property
    def kind(self) -> CheckKind:
        return self.spec.kind

    @property
    def question(self) -> str:
        """Digest of what it asks, whatever it is called."""
        return digest_of({"kind": self.kind, **self.spec.define()})


@dataclass(frozen=True, slots=True)
class Score:
    """How many of the points have to be reached, 0 to 1."""

    passing: float
    warning: float
    """From here on it warns; below it fails."""


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
    score: Score | None = None
    """Asked besides the required checks."""
    max_waiver: timedelta = MAX_WAIVER
    """How long one waiver may last."""
    applied_at: datetime | None = None
    """`None` for a gate that comes with the package."""
    problem: str | None = None
    """Why the stored file cannot be read; such a gate has no checks and holds."""
