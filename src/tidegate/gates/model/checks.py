"""What a gate asks: its checks and what each of them wants to know. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import ClassVar

from tidegate.kernel import GateId
from tidegate.kernel.canonical import JsonValue

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
        return self.spec.kind


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
