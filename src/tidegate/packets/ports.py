"""What packets need: recorded decisions, what they rest on, and keys."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from tidegate.attestations import PrivateKey
from tidegate.kernel import DecisionId, GateId, ReleaseId, WorkspaceId
from tidegate.packets.model import JSON, EvidenceUse, Found


class Records(Protocol):
    """Decisions, policies and waivers as they were recorded."""

    async def find_decision(
        self, workspace: WorkspaceId, gate_id: GateId, decision_id: DecisionId
    ) -> Mapping[str, JSON] | None:
        """Return a decision with everything that was recorded of it, names as on the wire."""
        ...

    async def find_policy(self, workspace: WorkspaceId, gate_id: GateId, version: int) -> bytes | None:
        """Return the canonical JSON of a version of a gate."""
        ...

    async def find_waivers(
        self, workspace: WorkspaceId, gate_id: GateId, ids: Sequence[str]
    ) -> Sequence[Mapping[str, JSON]]:
        """Return waivers as they were given, in the order of `ids`, without those that are not there."""
        ...


class Releases(Protocol):
    async def find_release(self, workspace: WorkspaceId, release_id: ReleaseId) -> Mapping[str, JSON] | None: ...


class EvidenceFinder(Protocol):
    async def find(self, workspace: WorkspaceId, uses: Sequence[EvidenceUse], *, with_bodies: bool) -> Sequence[Found]:
        """Return what there is of each, in the same order."""
        ...


class PacketKeys(Protocol):
    """The keys that packets are signed with, asked with each packet."""

    def current(self) -> Sequence[PrivateKey]:
        """Return the key of now, last, and before it those that still sign beside it."""
        ...
