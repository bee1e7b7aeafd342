"""Deeds, and chains that are checked as they are read back."""

from dataclasses import replace
from datetime import UTC, datetime

from tidegate.audit import ActorKind, AuditKey, Deed, PostgresAuditStore
from tidegate.audit.canonical import genesis_of, hash_of
from tidegate.audit.model import AuditRecord
from tidegate.kernel import WorkspaceId

AT = datetime(2026, 11, 20, 12, 0, 0, 250_000, tzinfo=UTC)
KEY = AuditKey(b"k" * 32)


def make_deed(number: int = 1, **changes: object) -> Deed:
    deed = Deed(
        ActorKind.PERSON,
        "ses_1",
        "tokens:revoke",
        f"token/tok_{number}",
        member="usr_1",
        policy_ids=("admins-manage-tokens",),
        request_id="req-1",
        before="sha256:00",
        details={"reason": "löst <ab>", "number": number, "nested": {"b": [1, None, True], "a": ""}},
    )
    return replace(deed, **changes)  # type: ignore[arg-type]  # a builder takes any change


async def chain_of(store: PostgresAuditStore, workspace: WorkspaceId) -> list[AuditRecord]:
    """Return the chain, having checked every hash and number against the rows as they are read back."""
    records = await store.read_chain(workspace, after=0, up_to=2**62, limit=100_000)
    previous = genesis_of(workspace)
    for number, record in enumerate(records, start=1):
        assert (record.seq, record.previous) == (number, previous)
        assert record.hash == hash_of(previous, record.as_canonical())
        previous = record.hash
    head = await store.find_head(workspace)
    assert (head.seq, head.hash) == (len(records), previous) if head is not None else not records
    return records
