"""Chains in memory, and the exports made of them."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from tidegate.audit import ActorKind, AuditKey, AuditService, Deed
from tidegate.audit.canonical import hash_of
from tidegate.audit.model import AuditRecord, ChainPlace, Entry, SignedHead, canonical_of
from tidegate.audit.ports import AuditFilter
from tidegate.kernel import UnavailableError, WorkspaceId
from tidegate.storage import Connection
from tidegate.testing import FakeClock

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)
KEY = AuditKey(b"k" * 32)
OTHER_KEY = AuditKey(b"o" * 32)


def make_deed(number: int = 1, **changes: Any) -> Deed:
    deed = Deed(ActorKind.PERSON, "ses_1", "tokens:revoke", f"token/tok_{number}", member="usr_1", request_id="r-1")
    return replace(deed, **changes)


class FakeChains:
    """Keeps the promises of `ChainStore` in memory."""

    def __init__(self) -> None:
        self.chains: dict[WorkspaceId, list[AuditRecord]] = {}
        self.heads: dict[WorkspaceId, list[SignedHead]] = {}
        self.trouble: UnavailableError | None = None

    async def write(
        self, waiting: Sequence[tuple[WorkspaceId, Sequence[Entry]]], *, recorded_at: datetime
    ) -> list[WorkspaceId]:
        for workspace, entries in waiting:
            await self.write_one(workspace, entries, recorded_at=recorded_at)
        return []

    async def write_one(self, workspace: WorkspaceId, entries: Sequence[Entry], *, recorded_at: datetime) -> None:
        self._refuse_while_away()
        chain = self.chains.setdefault(workspace, [])
        for entry in entries:
            place = ChainPlace(chain[-1].seq, chain[-1].hash) if chain else ChainPlace.genesis(workspace)
            digest = hash_of(place.hash, canonical_of(workspace, place.seq + 1, recorded_at, entry))
            chain.append(
                AuditRecord(workspace, place.seq + 1, recorded_at, entry.deed, entry.count, place.hash, digest)
            )

    async def list_records(
        self, workspace: WorkspaceId, asked: AuditFilter, *, below: int | None, limit: int
    ) -> list[AuditRecord]:
        self._refuse_while_away()
        found = [
            record
            for record in reversed(self.chains.get(workspace, []))
            if (below is None or record.seq < below)
            and asked.actor in {"", record.deed.actor}
            and asked.actor_kind in {None, record.deed.actor_kind}
            and record.deed.action.startswith(asked.action)
            and asked.outcome in {None, record.deed.outcome}
            and (asked.start is None or record.recorded_at >= asked.start)
            and (asked.end is None or record.recorded_at < asked.end)
        ]
        return found[:limit]

    async def read_chain(self, workspace: WorkspaceId, *, after: int, up_to: int, limit: int) -> list[AuditRecord]:
        return [each for each in self.chains.get(workspace, []) if after < each.seq <= up_to][:limit]

    async def find_head(self, workspace: WorkspaceId) -> ChainPlace | None:
        self._refuse_while_away()
        chain = self.chains.get(workspace)
        return ChainPlace(chain[-1].seq, chain[-1].hash) if chain else None

    async def list_signed_heads(
        self, workspace: WorkspaceId, *, after: int, up_to: int, limit: int
    ) -> list[SignedHead]:
        return [each for each in self.heads.get(workspace, []) if after < each.seq <= up_to][:limit]

    async def list_unsigned(self) -> list[WorkspaceId]:
        self._refuse_while_away()
        return [
            name for name, chain in self.chains.items() if all(h.seq < len(chain) for h in self.heads.get(name, []))
        ]

    async def count_up_to(self, workspace: WorkspaceId, seq: int) -> int:
        return sum(each.seq <= seq for each in self.chains.get(workspace, []))

    async def find_last_signed(self, workspace: WorkspaceId) -> SignedHead | None:
        return max(self.heads.get(workspace, []), key=lambda head: head.seq, default=None)

    async def add_signed_head(self, workspace: WorkspaceId, head: SignedHead) -> None:
        kept = self.heads.setdefault(workspace, [])
        if all(each.seq != head.seq for each in kept):
            kept.append(head)

    def _refuse_while_away(self) -> None:
        if self.trouble is not None:
            raise self.trouble


class FakeTrail:
    """Keeps the promises of `AuditTrail` over chains in memory."""

    def __init__(self, chains: FakeChains, clock: FakeClock) -> None:
        self.chains = chains
        self._clock = clock

    async def append(self, workspace: WorkspaceId, deed: Deed, *, within: Connection) -> None:
        await self.record(workspace, deed)

    async def record(self, workspace: WorkspaceId, deed: Deed) -> None:
        await self.chains.write_one(workspace, [Entry(deed)], recorded_at=self._clock.now())

    async def record_read(self, workspace: WorkspaceId, deed: Deed) -> None:
        await self.record(workspace, deed)


async def make_export(
    workspace: str = "harbor", *, count: int = 24, key: AuditKey = KEY, signed_every: int = 6, changed: int = 0
) -> list[bytes]:
    """Return the lines of an export; the chain is another one from record `changed` on."""
    clock, chains = FakeClock(AT), FakeChains()
    audit = AuditService(store=chains, key=key, clock=clock)
    name = WorkspaceId(workspace)
    for number in range(1, count + 1):
        deed = make_deed(number, details={"reason": "remade" if number == changed else "löst", "n": number})
        await chains.write_one(name, [Entry(deed)], recorded_at=clock.now())
        clock.advance(timedelta(seconds=1))
        if number % signed_every == 0:
            await audit.sign_head(name)
    return b"".join([chunk async for chunk in audit.export(name)]).splitlines(keepends=True)
