"""`evidence`: documents and recorded settings of a kind: fresh, reviewed, unchanged, signed where asked."""

from dataclasses import replace
from typing import Annotated, Literal, get_args

from pydantic import Field

from tidegate.gates.check_files import Duration, Name, PublishedModel
from tidegate.gates.errors import GateFileInvalidError
from tidegate.gates.kinds.standings import StandingCheckFile
from tidegate.gates.model import EvidenceSpec
from tidegate.gates.model.measures.measured import FIELDS_OF_KIND, BranchDemand, Demand
from tidegate.gates.ports import Catalogues

__all__ = ["EVIDENCE_KINDS", "EvidenceCheckFile"]

EvidenceKind = Literal[
    "adr",
    "attestation",
    "branch-strategy",
    "capacity-plan",
    "delivery-model",
    "document",
    "env-parity",
    "env-validation",
    "environment-ownership",
    "incident-alert-validation",
    "incident-escalation",
    "parity-report",
    "preview-coverage",
    "repository-settings",
    "rollback-notes",
    "rollback-playbook-validation",
    "secret-policy",
    "test-report",
    "worker-sizing",
    "worklog",
]
EVIDENCE_KINDS = frozenset(get_args(EvidenceKind))
"""All kinds of evidence but those that have a kind of check of their own."""


class BranchFile(PublishedModel):
    """What the protection of a branch has to be; force pushes and deletion are never let through."""

    name: Name | None = None
    """Left out: whatever branch the settings are of."""
    required_checks: Annotated[tuple[Name, ...], Field(max_length=100)] = ()
    min_reviews: Annotated[int, Field(ge=0, le=10)] = 1
    enforced_for_admins: bool = False


class EvidenceCheckFile(StandingCheckFile):
    """Evidence of a kind: there, fresh, unchanged, refused by nobody."""

    kind: Literal["evidence"]
    evidence_kind: EvidenceKind
    max_age: Duration = "30d"
    """At most 366d."""
    min_count: Annotated[int, Field(ge=1, le=100)] = 1
    """How many pieces, told apart by title and subject; all there are have to count."""
    environments: Annotated[tuple[Name, ...], Field(max_length=20)] = ()
    """Environments that were validated, or compared; `env-validation` and `env-parity` only."""
    min_coverage: Annotated[float, Field(gt=0, le=1)] | None = None
    """Ratio of the changes that need a preview, all unless said; `preview-coverage` only."""
    branch: BranchFile | None = None
    """`repository-settings` only."""

    def read(self, place: str, catalogues: Catalogues) -> EvidenceSpec:  # noqa: ARG002 - names nothing of the catalogues
        said = {
            name
            for name, value in (
                ("environments", self.environments or None),
                ("minCoverage", self.min_coverage),
                ("branch", self.branch),
            )
            if value is not None
        }
        for name in sorted(said - FIELDS_OF_KIND.get(self.evidence_kind, frozenset())):
            raise GateFileInvalidError(
                f"Evidence of kind {self.evidence_kind} has no such field: remove it.", field=f"{place}.{name}"
            )
        asked = self.asked(self.evidence_kind, self.max_age, place)
        if self.evidence_kind == "attestation" and asked.signed_by is None:
            asked = replace(asked, signed_by=())  # what nobody known signed attests nothing
        branch = self.branch or BranchFile()
        return EvidenceSpec(
            asked=asked,
            min_count=self.min_count,
            demand=Demand(
                environments=self.environments,
                min_coverage=1.0 if self.min_coverage is None else self.min_coverage,
                branch=BranchDemand(
                    branch.name, branch.required_checks, branch.min_reviews, branch.enforced_for_admins
                ),
            ),
        )
