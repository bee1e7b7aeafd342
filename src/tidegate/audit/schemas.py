"""The audit on the wire."""

from typing import Any, Literal, Self

from tidegate.audit.model import AuditRecord, SignedHead
from tidegate.edge.wire import Utc, WireModel
from tidegate.kernel import Page

__all__ = ["AuditHeadOut", "AuditPageOut", "AuditRecordOut", "SignedHeadOut"]


class AuditRecordOut(WireModel):
    """One record, as it stands in the chain."""

    id: str
    seq: int
    """Place in the chain of the workspace, from 1 without gaps."""
    recorded_at: Utc
    actor_kind: str
    """`person`, `token`, `agent`, `operator`, `system`."""
    actor: str
    """Id of the credential."""
    member: str | None
    """Id of the person or service account behind it."""
    action: str
    target: str
    outcome: str
    """`done`, `denied`, `failed`."""
    count: int
    """How many deeds this record stands for: more than 1 for refusals that were added up."""
    policy_ids: tuple[str, ...]
    """The policies that decided."""
    request_id: str
    before: str | None
    """Digest of what was there."""
    after: str | None
    details: dict[str, Any]
    previous_hash: str
    hash: str

    @classmethod
    def of(cls, record: AuditRecord) -> Self:
        deed = record.deed
        return cls(
            id=record.id,
            seq=record.seq,
            recorded_at=record.recorded_at,
            actor_kind=deed.actor_kind,
            actor=deed.actor,
            member=deed.member,
            action=deed.action,
            target=deed.target,
            outcome=deed.outcome,
            count=record.count,
            policy_ids=deed.policy_ids,
            request_id=deed.request_id,
            before=deed.before,
            after=deed.after,
            details=dict(deed.details),
            previous_hash=record.previous.hex(),
            hash=record.hash.hex(),
        )


class AuditPageOut(WireModel):
    """Some records, the newest first."""

    items: tuple[AuditRecordOut, ...]
    next_cursor: str | None
    """Asks for the records before these; good for the same question of the same workspace only."""

    @classmethod
    def of(cls, page: Page[AuditRecord]) -> Self:
        return cls(items=tuple(map(AuditRecordOut.of, page.items)), next_cursor=page.next_cursor)


class SignedHeadOut(WireModel):
    """What is signed: at this moment the chain had so many records and ended in this hash."""

    workspace: str
    seq: int
    count: int
    hash: str
    signed_at: str
    key: str
    """Name of the key: the beginning of its own digest."""


class AuditHeadOut(WireModel):
    """The end of the chain now, signed: kept elsewhere, it tells a chain that was shortened or remade."""

    kind: Literal["head"] = "head"
    head: SignedHeadOut
    signature: str
    """Ed25519, hexadecimal."""

    @classmethod
    def of(cls, head: SignedHead) -> Self:
        return cls(head=SignedHeadOut.model_validate(head.as_canonical()), signature=head.signature.hex())
