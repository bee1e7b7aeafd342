"""Packets on the wire."""

from typing import Self

from tidegate.attestations import PublicKey
from tidegate.edge.wire import Utc, WireModel
from tidegate.gates.model import Verdict
from tidegate.kernel import parse_utc
from tidegate.packets.model import Packet


class PacketOut(WireModel):
    """What a packet holds; the file itself is what can be verified."""

    decision: str
    gate: str
    gate_version: int
    release: str
    verdict: Verdict
    sentence: str
    decided_at: Utc
    policy_digest: str
    decision_digest: str
    check_count: int
    evidence_count: int
    waiver_count: int
    attestations: tuple[str, ...]
    """Types of the statements behind the verdict, in their order."""
    digest: str
    """Of the file."""
    size_bytes: int
    name: str
    keys: tuple[str, ...]
    """SHA-256 of the keys that signed it."""

    @classmethod
    def of(cls, packet: Packet) -> Self:
        decision = packet.predicate["decision"]
        return cls(
            decision=decision["id"],
            gate=decision["gateId"],
            gate_version=decision["gateVersion"],
            release=decision["releaseName"],
            verdict=Verdict(decision["verdict"]),
            sentence=decision["sentence"],
            decided_at=parse_utc(decision["decidedAt"]),
            policy_digest=decision["policyDigest"],
            decision_digest=decision["digest"],
            check_count=len(decision["checks"]),
            evidence_count=len(packet.predicate["evidence"]),
            waiver_count=len(packet.predicate["waivers"]),
            attestations=tuple(each["predicateType"] for each in packet.attestations),
            digest=packet.digest,
            size_bytes=len(packet.content),
            name=packet.name,
            keys=packet.signers,
        )


class PacketKeyOut(WireModel):
    fingerprint: str
    """SHA-256 of the SubjectPublicKeyInfo; compare it with what `tidegate packet key` says on the server."""
    algorithm: str
    pem: str
    is_current: bool

    @classmethod
    def of(cls, key: PublicKey, *, is_current: bool) -> Self:
        return cls(fingerprint=key.fingerprint, algorithm=key.algorithm, pem=key.pem, is_current=is_current)


class PacketKeyListOut(WireModel):
    items: tuple[PacketKeyOut, ...]
    """Each of them signs every packet; the one of now last."""
