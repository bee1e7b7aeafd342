"""Packets over HTTP."""

from typing import Annotated

from fastapi import APIRouter
from fastapi.responses import Response

from tidegate.audit.doing import Reading
from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.providers import provide
from tidegate.kernel import DecisionId, GateId
from tidegate.packets.model import Packet
from tidegate.packets.schemas import PacketKeyListOut, PacketKeyOut, PacketOut
from tidegate.packets.service import PacketService

router = APIRouter(tags=["packets"])
Packets = Annotated[PacketService, provide(PacketService)]


@router.get("/api/v1/gates/{gate_id}/decisions/{decision_id}/packet")
async def show_packet(
    gate_id: GateId, decision_id: DecisionId, workspace: CurrentWorkspace, packets: Packets
) -> PacketOut:
    """Say what the packet of a decision holds. 409 when something that it rests on is gone or was altered."""
    return PacketOut.of(await packets.build(workspace, gate_id, decision_id))


@router.get("/api/v1/gates/{gate_id}/decisions/{decision_id}/packet/file", response_class=Response)
async def download_packet(  # noqa: PLR0917 - FastAPI passes them by name
    gate_id: GateId, decision_id: DecisionId, workspace: CurrentWorkspace, packets: Packets, reading: Reading
) -> Response:
    """Return the packet as a file: the same bytes each time. Evidence stands in it by its digests."""
    packet = await packets.build(workspace, gate_id, decision_id)
    await reading.export("gates:read", f"decision/{decision_id}")
    return _file(packet)


@router.get("/api/v1/gates/{gate_id}/decisions/{decision_id}/packet/complete", response_class=Response)
async def download_complete_packet(  # noqa: PLR0917 - the same
    gate_id: GateId, decision_id: DecisionId, workspace: CurrentWorkspace, packets: Packets, reading: Reading
) -> Response:
    """Return the packet as a file with the bodies of its evidence, 16 MiB at most."""
    packet = await packets.build(workspace, gate_id, decision_id, with_bodies=True)
    await reading.export("evidence:read", f"decision/{decision_id}")
    return _file(packet)


@router.get("/api/v1/packets/keys")
async def list_packet_keys(workspace: CurrentWorkspace, packets: Packets) -> PacketKeyListOut:  # noqa: ARG001 - asked for its effect: a token
    """Return the public keys that packets verify with."""
    *earlier, current = packets.public_keys()
    items = [*(PacketKeyOut.of(key, is_current=False) for key in earlier), PacketKeyOut.of(current, is_current=True)]
    return PacketKeyListOut(items=tuple(items))


def _file(packet: Packet) -> Response:
    """Return the file, which no browser opens by itself."""
    return Response(
        packet.content,
        media_type="application/vnd.in-toto.bundle",
        headers={
            "content-disposition": f'attachment; filename="{packet.name}"',
            "x-content-type-options": "nosniff",
            "content-security-policy": "sandbox; default-src 'none'",
            "cache-control": "no-store",
            "etag": f'"{packet.digest}"',
        },
    )
