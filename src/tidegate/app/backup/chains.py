"""The audit of every workspace, read and proven where it is stored."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tidegate.app.keys import audit_public_texts
from tidegate.audit import PostgresAuditStore
from tidegate.audit.canonical import genesis_of, hash_of, head_bytes
from tidegate.audit.model import SignedHead
from tidegate.audit.verify import read_keys
from tidegate.kernel import WorkspaceId
from tidegate.storage import Database

__all__ = ["ProvenChains", "prove_chains"]

_CHUNK: Final = 1_000
_ANY_SEQ: Final = 2**62


@dataclass(frozen=True, slots=True)
class ProvenChains:
    """What was read, and the first thing that is wrong."""

    chain_count: int
    record_count: int
    problem: str | None = None


class _FlawError(Exception):
    """What is wrong with a chain, in a sentence."""


async def prove_chains(database: Database, workspaces: list[WorkspaceId], data_dir: Path) -> ProvenChains:
    """Follow the chain of each of `workspaces` and compare it with what was signed; stops at the first flaw."""
    prover = _Prover(PostgresAuditStore(database), read_keys(audit_public_texts(data_dir)))
    chains = records = 0
    for workspace in workspaces:
        try:
            count = await prover.prove(workspace)
        except _FlawError as error:
            return ProvenChains(chains, records, str(error))
        chains += count > 0
        records += count
    return ProvenChains(chains, records)


@dataclass(frozen=True, slots=True)
class _Prover:
    store: PostgresAuditStore
    keys: Mapping[str, Ed25519PublicKey]

    async def prove(self, workspace: WorkspaceId) -> int:
        """Return how many records a chain has."""
        head, signed = await self.store.find_head(workspace), await self._signed(workspace)
        end = head.seq if head is not None else 0
        if max(signed, default=0) > end:
            raise _FlawError(f"The chain of {workspace} ends behind record {end:,}, and more were signed.")
        seq, last = 0, genesis_of(workspace)
        while seq < end:
            found = await self.store.read_chain(workspace, after=seq, up_to=end, limit=_CHUNK)
            if not found:
                raise _FlawError(f"The chain of {workspace} ends behind record {seq:,} of {end:,}.")
            for record in found:
                follows = record.seq == seq + 1 and record.previous == last
                if not follows or record.hash != hash_of(last, record.as_canonical()):
                    raise _FlawError(f"Record {seq + 1:,} of {workspace} is missing or was changed.")
                seq, last = record.seq, record.hash
                if seq in signed:
                    self._check(signed[seq], last)
        if head is not None and last != head.hash:
            raise _FlawError(f"The end of the chain of {workspace} is not its last record.")
        return end

    async def _signed(self, workspace: WorkspaceId) -> dict[int, SignedHead]:
        found: dict[int, SignedHead] = {}
        while heads := await self.store.list_signed_heads(
            workspace, after=max(found, default=0), up_to=_ANY_SEQ, limit=_CHUNK
        ):
            found |= {each.seq: each for each in heads}
        return found

    def _check(self, signed: SignedHead, last: bytes) -> None:
        try:
            self.keys[signed.key_name].verify(signed.signature, head_bytes(signed.as_canonical()))
        except (KeyError, InvalidSignature) as error:
            words = f"The signature at record {signed.seq:,} of {signed.workspace} is wrong, or by an unknown key."
            raise _FlawError(words) from error
        if signed.hash != last or signed.count != signed.seq:
            raise _FlawError(f"Record {signed.seq:,} of {signed.workspace} is not the one that was signed.")
