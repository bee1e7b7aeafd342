"""Gates as pages show them. Pure: what is on the launch board and on the page of a gate, without where it came from."""

from dataclasses import dataclass
from datetime import datetime

from tidegate.edge.marks import Mark, words_of
from tidegate.gates.model import Approval, Override

__all__ = [
    "AlertLine",
    "AlertsView",
    "BoardView",
    "ChangeView",
    "CheckView",
    "DecisionView",
    "DiffView",
    "EvidenceView",
    "GateRow",
    "GateView",
    "ReleaseView",
    "StepView",
    "WaiverView",
]


@dataclass(frozen=True, slots=True)
class ReleaseView:
    name: str
    environment: str
    services: tuple[tuple[str, str, str], ...]
    """Service, version and commit."""
    created_at: datetime


@dataclass(frozen=True, slots=True)
class EvidenceView:
    id: str
    link: str | None
    """Address that is safe to open; `None` when there is none."""
    digest: str


@dataclass(frozen=True, slots=True)
class CheckView:
    id: str
    title: str
    kind: str
    owner: str
    is_required: bool
    mark: Mark
    reason: str
    value: str | None
    bound: str | None
    measured_at: datetime | None
    """`None` when it was never measured."""
    stale_after: datetime | None
    evidence: tuple[EvidenceView, ...]
    runbook: str | None
    """Slug of its page."""


@dataclass(frozen=True, slots=True)
class StepView:
    """One thing to do before a gate says GO."""

    about: str
    owner: str
    words: str
    command: str | None


@dataclass(frozen=True, slots=True)
class GateRow:
    """One gate on the board."""

    id: str
    title: str
    owner: str
    mark: Mark
    why: str
    check_marks: tuple[Mark, ...]
    answered_count: int
    """Required checks that have an answer."""
    required_count: int
    decided_at: datetime
    verified_at: datetime

    @property
    def strip_words(self) -> str:
        return words_of(self.check_marks)


@dataclass(frozen=True, slots=True)
class AlertLine:
    id: str
    mark: Mark
    severity: str
    sentence: str
    since: datetime


@dataclass(frozen=True, slots=True)
class AlertsView:
    lines: tuple[AlertLine, ...]
    """The first few."""
    firing_count: int
    open_count: int
    has_more: bool
    """Whether there are more than were counted."""
    rule_count: int
    watch_limit: str
    evaluated_at: datetime | None
    is_watched: bool
    """Whether an empty list means that nothing burns."""


@dataclass(frozen=True, slots=True)
class BoardView:
    mark: Mark
    sentence: str
    why: str | None
    worst: GateRow | None
    """The gate that the sentence rests on."""
    release: ReleaseView | None
    gates: tuple[GateRow, ...]
    """Worst first."""
    steps: tuple[StepView, ...]
    alerts: AlertsView | None
    """`None` when they cannot be read now."""
    telemetry_at: datetime | None
    """Newest stored span; `None` when there is none."""
    is_telemetry_known: bool = True
    """False when the engine does not answer now."""


@dataclass(frozen=True, slots=True)
class DecisionView:
    id: str
    mark: Mark
    sentence: str
    release: str | None
    decided_at: datetime
    digest: str
    check_marks: tuple[Mark, ...]

    @property
    def strip_words(self) -> str:
        return words_of(self.check_marks)


@dataclass(frozen=True, slots=True)
class ChangeView:
    """One check that says or asks something else than in the decision before."""

    title: str
    before: Mark | None
    """`None` when it was not asked."""
    after: Mark | None
    words: str


@dataclass(frozen=True, slots=True)
class DiffView:
    """What changed since the decision before."""

    sentence: str
    since: datetime
    changes: tuple[ChangeView, ...]
    same_count: int


@dataclass(frozen=True, slots=True)
class WaiverView:
    id: str
    check: str
    owner: str
    reason: str
    given_by: str
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class GateView:
    id: str
    title: str
    owner: str
    sprint: str | None
    version: int
    policy_digest: str
    mark: Mark
    sentence: str
    release: str | None
    decided_at: datetime
    verified_at: datetime
    steps: tuple[StepView, ...]
    checks: tuple[CheckView, ...]
    """Worst first."""
    decisions: tuple[DecisionView, ...]
    """Newest first."""
    next_cursor: str | None
    diff: DiffView | None
    """`None` while there is nothing to compare with."""
    waivers: tuple[WaiverView, ...]
    """Those that let a check through."""
    approvals: tuple[Approval, ...]
    override: Override | None
    definition: str
    """The gate file, as YAML."""
