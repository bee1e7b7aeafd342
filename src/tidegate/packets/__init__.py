"""Packets: a decision with everything needed to check it, signed, so that it can be checked with no network."""

from typing import TYPE_CHECKING

from tidegate.kernel.lazy import lazily

if TYPE_CHECKING:
    from tidegate.packets.service import PacketService
    from tidegate.packets.sources import RecordedReleases, StoredEvidence
else:
    __getattr__ = lazily(
        {
            "tidegate.packets.service": ("PacketService",),
            "tidegate.packets.sources": ("RecordedReleases", "StoredEvidence"),
        }
    )

__all__ = ["PacketService", "RecordedReleases", "StoredEvidence"]
