"""Building packets."""

import asyncio
import json
from collections.abc import Mapping, Sequence

from tidegate.attestations import PublicKey
from tidegate.gates import DecisionNotFoundError
from tidegate.kernel import DecisionId, GateId, ReleaseId, WorkspaceId, digest_of
from tidegate.packets.errors import DecisionAlteredError, DecisionWithoutReleaseError, PacketIncompleteError
from tidegate.packets.model import JSON, EvidenceUse, Packet, Parts
from tidegate.packets.ports import EvidenceFinder, PacketKeys, Records, Releases
from tidegate.packets.verifier import PacketWrongError, read_key, uses_of, verify_packet
from tidegate.packets.writing import write_packet

__all__ = ["PacketService"]


class PacketService:
    """Builds a packet from what was recorded: the same decision under the same keys gives the same bytes.

    Nothing is written. What is handed out was verified first, with the code that auditors have: what was altered in the
    store is never signed.
    """

    def __init__(self, *, records: Records, releases: Releases, evidence: EvidenceFinder, keys: PacketKeys) -> None:
        self._records = records
        self._releases = releases
        self._evidence = evidence
        self._keys = keys

    async def build(
        self, workspace: WorkspaceId, gate_id: GateId, decision_id: DecisionId, *, with_bodies: bool = False
    ) -> Packet:
        """Return the packet of a decision.

        Raises:
            DecisionNotFoundError: the gate has no such decision.
            DecisionWithoutReleaseError: it was about no release.
            PacketIncompleteError: something that it rests on was not recorded, or is gone.
            DecisionAlteredError: what is stored is not what was recorded.
            PacketTooLargeError: bodies of evidence are too large together.
        """
        decision = await self._records.find_decision(workspace, gate_id, decision_id)
        if decision is None:
            raise DecisionNotFoundError(decision_id)
        parts = await self._parts(workspace, decision, with_bodies=with_bodies)
        return await asyncio.to_thread(self._written, parts)

    def public_keys(self) -> list[PublicKey]:
        """Return the keys that packets verify with, the one of now last."""
        return [key.public for key in self._keys.current()]

    async def _parts(self, workspace: WorkspaceId, decision: Mapping[str, JSON], *, with_bodies: bool) -> Parts:
        if not decision["releaseId"]:
            raise DecisionWithoutReleaseError
        if any("inputs" not in check for check in decision["checks"]):
            raise PacketIncompleteError("This decision was recorded before the inputs of checks were.")
        gate_id, version = GateId(decision["gateId"]), decision["gateVersion"]
        policy = await self._records.find_policy(workspace, gate_id, version)
        if policy is None or digest_of(policy) != decision["policyDigest"]:
            raise PacketIncompleteError(f"The gate file of version {version} is not there any more as it was.")
        release = await self._releases.find_release(workspace, ReleaseId(decision["releaseId"]))
        if release is None:
            raise PacketIncompleteError(f"The release {decision['releaseName']} is not there any more.")
        waivers = await self._waivers(workspace, gate_id, decision)
        uses = [
            EvidenceUse(evidence_id, uri, digest, tuple(checks))
            for (evidence_id, uri, digest), checks in sorted(uses_of(decision["checks"]).items())
        ]
        found = await self._evidence.find(workspace, uses, with_bodies=with_bodies)
        return Parts(decision, json.loads(policy), release, waivers, list(zip(uses, found, strict=True)))

    async def _waivers(
        self, workspace: WorkspaceId, gate_id: GateId, decision: Mapping[str, JSON]
    ) -> Sequence[Mapping[str, JSON]]:
        ids = sorted({check["waiver"]["id"] for check in decision["checks"] if check["waiver"]})
        waivers = await self._records.find_waivers(workspace, gate_id, ids) if ids else []
        if len(waivers) != len(ids):
            raise PacketIncompleteError("A waiver that let a check through is not there any more.")
        return waivers

    def _written(self, parts: Parts) -> Packet:
        keys = self._keys.current()
        content = write_packet(parts, keys)
        try:
            proven = verify_packet(content, [read_key(key.public.pem.encode()) for key in keys], threshold=len(keys))
        except PacketWrongError as error:
            raise DecisionAlteredError(error.sentence) from error
        name = f"{parts.decision['gateId']}-{parts.decision['id']}.intoto.jsonl"
        return Packet(content, proven.digest, name, proven.predicate, proven.attestations, proven.signers)
