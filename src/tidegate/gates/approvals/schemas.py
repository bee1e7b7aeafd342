"""Approvals, overrides and functions on the wire."""

from typing import Annotated, Literal, Self

from pydantic import Field, StringConstraints

from tidegate.edge.wire import Utc, WireModel
from tidegate.gates.approvals.model import ApprovalWish, Desk, FunctionHolders, OverrideWish
from tidegate.gates.model import Approval, ApprovalSpec, Check, Override

Line = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")
]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000, pattern=r"^[^\x00]*$")]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000, pattern=r"^[^\x00]*$")]


class ApprovalIn(WireModel):
    """What a person agrees to, for whom they speak."""

    check: Line
    role: Line
    """One that the check asks."""
    binding: Line
    """As `GET …/approvals` says it: whoever approves says what they looked at."""
    release: Line | None = None
    """Name or id; left out, the candidate."""
    note: Note = ""

    def wish(self) -> ApprovalWish:
        return ApprovalWish(self.check, self.role, self.binding, self.release, self.note)


class ApprovalOut(WireModel):
    """An approval as it was given; it never changes, but can be withdrawn."""

    id: str
    gate: str
    check: str
    release: str
    """Id of the release."""
    role: str
    person: str
    name: str
    note: str
    binding: str
    given_at: Utc
    withdrawn_at: Utc | None
    stands: bool
    """Whether it counts for what stands there now."""
    digest: str

    @classmethod
    def of(cls, approval: Approval, *, stands: bool) -> Self:
        return cls(
            id=approval.id,
            gate=approval.gate_id,
            check=approval.check_id,
            release=approval.release_id,
            role=approval.role,
            person=approval.person,
            name=approval.name,
            note=approval.note,
            binding=approval.binding,
            given_at=approval.given_at,
            withdrawn_at=approval.withdrawn_at,
            stands=stands,
            digest=approval.digest,
        )


class ApprovalAskOut(WireModel):
    """Who is asked."""

    check: str
    title: str
    roles: tuple[str, ...]
    quorum: int

    @classmethod
    def of(cls, check: Check) -> Self:
        spec = check.spec
        assert isinstance(spec, ApprovalSpec)  # noqa: S101 - only those are asked
        return cls(check=check.id, title=check.title, roles=spec.roles, quorum=spec.quorum)


class ApprovalDeskOut(WireModel):
    """What there is to approve at a gate now, and who did."""

    gate: str
    release: str | None
    binding: str | None
    """Send it with an approval; null while there is no release, or a source does not answer."""
    asked: tuple[ApprovalAskOut, ...]
    items: tuple[ApprovalOut, ...]
    """In order of receipt, without those that were withdrawn."""

    @classmethod
    def of(cls, desk: Desk) -> Self:
        judgement = desk.judgement
        standing = {ref.id for result in judgement.results for ref in result.evidence}
        return cls(
            gate=judgement.gate_id,
            release=judgement.release_name,
            binding=judgement.binding,
            asked=tuple(map(ApprovalAskOut.of, desk.checks)),
            items=tuple(ApprovalOut.of(one, stands=one.id in standing) for one in desk.approvals),
        )


class OverrideIn(WireModel):
    """Why a release goes out that its gate does not let, and until when."""

    reason: Text
    expires_at: Utc
    """With an offset, at most 24 hours away."""
    release: Line | None = None

    def wish(self) -> OverrideWish:
        return OverrideWish(self.reason, self.expires_at, self.release)


class OverriddenOut(WireModel):
    check: str
    outcome: str
    """What it said when the override was asked for."""


class OverrideOut(WireModel):
    """An override: asked for by one person, confirmed by another."""

    id: str
    gate: str
    release: str
    reason: str
    checks: tuple[OverriddenOut, ...]
    """What it lets through; whatever blocks besides still blocks."""
    requested_by: str
    requested_name: str
    requested_at: Utc
    confirmed_by: str | None
    confirmed_name: str | None
    confirmed_at: Utc | None
    expires_at: Utc
    ended_at: Utc | None
    ended_by: str | None
    state: Literal["open", "in_force", "over"]
    digest: str

    @classmethod
    def of(cls, override: Override, *, state: str) -> Self:
        return cls.model_validate(
            {
                "id": override.id,
                "gate": override.gate_id,
                "release": override.release_name,
                "reason": override.reason,
                "checks": [{"check": one.check, "outcome": one.outcome} for one in override.checks],
                "requestedBy": override.requested_by,
                "requestedName": override.requested_name,
                "requestedAt": override.requested_at,
                "confirmedBy": override.confirmed_by,
                "confirmedName": override.confirmed_name,
                "confirmedAt": override.confirmed_at,
                "expiresAt": override.expires_at,
                "endedAt": override.ended_at,
                "endedBy": override.ended_by,
                "state": state,
                "digest": override.digest,
            }
        )


class OverridePageOut(WireModel):
    items: tuple[OverrideOut, ...]
    next_cursor: str | None


class FunctionIn(WireModel):
    members: Annotated[tuple[Line, ...], Field(max_length=100)]
    """Ids of people; none leave the function to nobody."""


class FunctionOut(WireModel):
    """Who speaks for a function."""

    function: str
    members: tuple[str, ...]

    @classmethod
    def of(cls, holders: FunctionHolders) -> Self:
        return cls(function=holders.function, members=holders.members)


class FunctionListOut(WireModel):
    items: tuple[FunctionOut, ...]
