"""The page of a packet, which is its print sheet too."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Request
from fastapi.responses import Response

from tidegate.edge.caller import CurrentWorkspace
from tidegate.edge.html import Pages, page_router
from tidegate.edge.marks import MARKS, Mark
from tidegate.edge.providers import provide
from tidegate.kernel import DecisionId, GateId, parse_utc
from tidegate.packets.model import JSON, Packet
from tidegate.packets.service import PacketService

__all__ = ["router"]

router = page_router()
Packets = Annotated[PacketService, provide(PacketService)]
_MAX_EVIDENCE = 500  # rows of a page; the file has all
_UNKNOWN = MARKS["missing"]


@dataclass(frozen=True, slots=True)
class CheckLine:
    """One result as it was recorded."""

    said: JSON
    mark: Mark
    truth: Mark | None
    """What it says in truth, where a waiver lets it through."""
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class PacketView:
    packet: Packet
    decision: JSON
    mark: Mark
    decided_at: datetime
    checks: tuple[CheckLine, ...]
    evidence: tuple[JSON, ...]
    more_evidence: int
    override: JSON | None


@router.get("/gates/{gate_id}/decisions/{decision_id}/packet")
async def show_packet(  # noqa: PLR0917 - FastAPI passes them by name
    gate_id: GateId,
    decision_id: DecisionId,
    request: Request,
    workspace: CurrentWorkspace,
    packets: Packets,
    pages: Pages,
) -> Response:
    """Show what a decision rests on, and how it is verified, on a sheet that can be printed."""
    packet = await packets.build(workspace, gate_id, decision_id)
    return pages.render(
        request,
        "packets/packet.html",
        section="launch",
        view=_view(packet),
        base_url=str(request.base_url).rstrip("/"),
    )


def _view(packet: Packet) -> PacketView:
    decision, evidence = packet.predicate["decision"], packet.predicate["evidence"]
    return PacketView(
        packet=packet,
        decision=decision,
        mark=MARKS[decision["verdict"]],
        decided_at=parse_utc(decision["decidedAt"]),
        checks=tuple(map(_line, decision["checks"])),
        evidence=tuple(evidence[:_MAX_EVIDENCE]),
        more_evidence=max(0, len(evidence) - _MAX_EVIDENCE),
        override=decision.get("override"),
    )


def _line(check: JSON) -> CheckLine:
    waiver = check["waiver"]
    truth = MARKS.get(waiver["outcome"], _UNKNOWN) if waiver else None
    return CheckLine(check, MARKS.get(check["outcome"], _UNKNOWN), truth, parse_utc(check["measuredAt"]))
