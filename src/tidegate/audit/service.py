"""Reading the audit: lists, the signed head, exports; and signing it."""

import hashlib
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final

from tidegate.audit.canonical import EXPORT_FORMAT, canonical_json, genesis_of, hash_of
from tidegate.audit.errors import AuditChainBrokenError
from tidegate.audit.model import AuditRecord, ChainPlace, SignedHead
from tidegate.audit.ports import AuditFilter, ChainStore
from tidegate.audit.signing import AuditKeySource
from tidegate.kernel import (
    DEFAULT_LIMIT,
    Clock,
    Cursor,
    InvalidInputError,
    Page,
    WorkspaceId,
    decode_cursor,
    encode_cursor,
    format_utc,
)

__all__ = ["AuditService"]

_CHUNK: Final = 1_000  # records a transaction: 0.4 MB


class AuditService:
    """Answers the routes, the page and the keeper."""

    def __init__(self, *, store: ChainStore, key: AuditKeySource, clock: Clock) -> None:
        self._store = store
        self._keys = key
        self._clock = clock

    async def search(
        self, workspace: WorkspaceId, asked: AuditFilter, *, limit: int = DEFAULT_LIMIT, cursor: Cursor | None = None
    ) -> Page[AuditRecord]:
        """Return records, the newest first.

        Raises:
            InvalidInputError: the cursor was made for another workspace or another question.
        """
        below = _place_in(cursor) if cursor else None
        found = await self._store.list_records(workspace, asked, below=below, limit=limit + 1)
        items = tuple(found[:limit])
        if len(found) <= limit:
            return Page(items, None)
        return Page(items, encode_cursor(str(items[-1].seq)))

    async def sign_head(self, workspace: WorkspaceId) -> SignedHead | None:
        """Return a head that is signed now, `None` for an empty chain; the first of each place is kept.

        Raises:
            AuditChainBrokenError: records are missing, or are not those that were signed before.
        """
        place = await self._store.find_head(workspace)
        if place is None:
            return None
        count = await self._store.count_up_to(workspace, place.seq)
        if count != place.seq:
            raise AuditChainBrokenError(workspace, f"it should have {place.seq:,} records and has {count:,}")
        signed = await self._store.find_last_signed(workspace)
        if signed is not None:
            await self._refuse_another_chain(workspace, ChainPlace(signed.seq, signed.hash))
        await self._refuse_another_chain(workspace, place)
        head = self._keys.current().sign_head(workspace, place, count=count, signed_at=self._clock.now())
        await self._store.add_signed_head(workspace, head)
        return head

    async def list_unsigned(self) -> list[WorkspaceId]:
        """Return the workspaces whose chain grew since its last signed head."""
        return await self._store.list_unsigned()

    async def export(self, workspace: WorkspaceId) -> AsyncIterator[bytes]:
        """Yield the whole chain as lines of JSON, chunk by chunk, as it is when this is called first.

        The header, the records, the hand-overs of keys, the signed heads, and the seal: it is signed over all lines
        before it, so a file that lost its end has no seal.

        Raises:
            AuditChainBrokenError: records are missing; the file then ends without its seal.
        """
        head = await self.sign_head(workspace)
        key = self._keys.current()
        up_to = head.seq if head is not None else 0
        digest = hashlib.sha256()
        heads = 0
        async for lines, is_heads in self._lines(workspace, up_to, key.handovers):
            chunk = b"".join(canonical_json(line) + b"\n" for line in lines)
            heads += len(lines) if is_heads else 0
            digest.update(chunk)
            yield chunk
        sealed = {
            "workspace": workspace,
            "seq": up_to,
            "count": up_to,
            "hash": (head.hash if head is not None else genesis_of(workspace)).hex(),
            "signedAt": format_utc(self._clock.now()),
            "key": key.name,
            "heads": heads,
            "digest": digest.hexdigest(),
        }
        yield canonical_json({"kind": "seal", "seal": sealed, "signature": key.sign_seal(sealed)}) + b"\n"

    async def _lines(
        self, workspace: WorkspaceId, up_to: int, handovers: Sequence[Mapping[str, Any]]
    ) -> AsyncIterator[tuple[list[Mapping[str, Any]], bool]]:
        header = {
            "kind": "header",
            "format": EXPORT_FORMAT,
            "workspace": workspace,
            "genesis": genesis_of(workspace).hex(),
            "count": up_to,
        }
        yield [header], False
        seq = 0
        while seq < up_to:
            records = await self._store.read_chain(workspace, after=seq, up_to=up_to, limit=_CHUNK)
            if not records:
                raise AuditChainBrokenError(workspace, f"it should have {up_to:,} records and ends behind {seq:,}")
            seq = records[-1].seq
            yield [_line_of(record) for record in records], False
        if handovers:
            yield list(handovers), False
        seq = 0
        while heads := await self._store.list_signed_heads(workspace, after=seq, up_to=up_to, limit=_CHUNK):
            seq = heads[-1].seq
            yield [head.as_json() for head in heads], True

    async def _refuse_another_chain(self, workspace: WorkspaceId, place: ChainPlace) -> None:
        """Refuse to sign over a chain that was made anew: what was vouched for once must still be there, unchanged."""
        found = await self._store.read_chain(workspace, after=place.seq - 1, up_to=place.seq, limit=1)
        if (
            not found
            or found[0].hash != place.hash
            or hash_of(found[0].previous, found[0].as_canonical()) != place.hash
        ):
            raise AuditChainBrokenError(workspace, f"record {place.seq:,} is not the one that was signed or chained")


def _line_of(record: AuditRecord) -> dict[str, Any]:
    return {
        "kind": "record",
        "record": record.as_canonical(),
        "prev": record.previous.hex(),
        "hash": record.hash.hex(),
    }


def _place_in(cursor: Cursor) -> int:
    seq = decode_cursor(cursor)
    if not (seq.isascii() and seq.isdigit() and len(seq) < 19):
        raise InvalidInputError("This cursor is not one of ours: start again without it.", field="cursor")
    return int(seq)
