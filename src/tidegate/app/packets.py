"""Packets put together: what they are built from, and the keys that sign them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from tidegate.app.keys import KeyFile, StoredKeys
from tidegate.attestations import PrivateKey, read_private_key
from tidegate.evidence import EvidenceBook, EvidenceService
from tidegate.gates import RecordedDecisions
from tidegate.isolation import IsolationService
from tidegate.packets import PacketService, RecordedReleases, StoredEvidence
from tidegate.releases import ReleasesService

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from tidegate.storage import Database

__all__ = ["LivePacketKeys", "build_packets", "load_packet_keys"]

_MAX_SIGNING: Final = 8  # each signs each line; who rotates more often retires what nobody verifies with any more
_Service = TypeVar("_Service")


@dataclass(slots=True)
class LivePacketKeys:
    """The keys that sign packets: after a rotation the earlier ones sign too, until they are retired."""

    file: KeyFile
    _made: tuple[StoredKeys, tuple[PrivateKey, ...]] | None = field(default=None, repr=False)

    def current(self) -> tuple[PrivateKey, ...]:
        keys = self.file.read()
        if self._made is None or self._made[0] is not keys:
            ring = keys.ring
            earlier = [name for name in ring.keys if name != ring.current][1 - _MAX_SIGNING :]
            self._made = (keys, tuple(_signing(ring.keys[name]) for name in (*earlier, ring.current)))
        return self._made[1]


def load_packet_keys(data_dir: Path) -> LivePacketKeys:
    """Return the keys that sign packets, made when there are none yet."""
    file = KeyFile.of(data_dir, "packets")
    file.read()
    return LivePacketKeys(file)


def build_packets(data_dir: Path, database: Database, services: Mapping[type[Any], object]) -> dict[type[Any], object]:
    """Return what the doors of packets ask for, over slices that are put together already."""
    evidence = StoredEvidence(
        book=_of(services, EvidenceBook), reports=_of(services, EvidenceService), runs=_of(services, IsolationService)
    )
    packets = PacketService(
        records=RecordedDecisions(database),
        releases=RecordedReleases(_of(services, ReleasesService)),
        evidence=evidence,
        keys=load_packet_keys(data_dir),
    )
    return {PacketService: packets}


def _of(services: Mapping[type[Any], object], kind: type[_Service]) -> _Service:
    found = services[kind]
    assert isinstance(found, kind)  # noqa: S101 - put there by its type
    return found


def _signing(seed: bytes) -> PrivateKey:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    return read_private_key(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
