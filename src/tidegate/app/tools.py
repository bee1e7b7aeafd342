"""All that agents are offered, and the record of what they call."""

from collections.abc import Mapping
from typing import Any, Final

from tidegate.alerts.incidents.tools import TOOLS as INCIDENT_TOOLS
from tidegate.alerts.tools import TOOLS as ALERT_TOOLS
from tidegate.audit import AuditTrail, Outcome, deed_of
from tidegate.deliveries.tools import TOOLS as DELIVERY_TOOLS
from tidegate.edge.caller import Caller
from tidegate.edge.masking import without_tokens
from tidegate.edge.mcp import Prompt, Resource, Tool, Toolbox
from tidegate.edge.mcp.door import Recorder
from tidegate.edge.mcp.model import DRY_RUN, REASON
from tidegate.evidence.records.tools import TOOLS as RECORD_TOOLS
from tidegate.evidence.tools import TOOLS as EVIDENCE_TOOLS
from tidegate.gates.tools import TOOLS as GATE_TOOLS
from tidegate.packets.tools import TOOLS as PACKET_TOOLS
from tidegate.releases.tools import TOOLS as RELEASE_TOOLS
from tidegate.runbooks.tools import RESOURCES as RUNBOOKS
from tidegate.runbooks.tools import TOOLS as RUNBOOK_TOOLS
from tidegate.signals.tools import TOOLS as SIGNAL_TOOLS
from tidegate.slos.tools import TOOLS as SLO_TOOLS
from tidegate.telemetry.tools import TOOLS as TELEMETRY_TOOLS

__all__ = ["TOOLBOX", "recorder"]

_MAX_SAID: Final = 120

TOOLBOX: Final = Toolbox(
    tools=(
        *GATE_TOOLS, *ALERT_TOOLS, *INCIDENT_TOOLS, *DELIVERY_TOOLS, *SIGNAL_TOOLS, *TELEMETRY_TOOLS, *RUNBOOK_TOOLS,
        *RELEASE_TOOLS, *EVIDENCE_TOOLS, *SLO_TOOLS, *RECORD_TOOLS,
        *PACKET_TOOLS,
    ),
    resources=(
        *RUNBOOKS,
        Resource(
            template="tidegate://gates/{gate_id}",
            title="Gate",
            description="What a gate asks: its checks, owners and version.",
            operation="GET /api/v1/gates/{gate_id}",
        ),
    ),
    prompts=(
        Prompt(
            name="prepare_launch_review",
            title="Prepare a launch review",
            description="What stands between a release and GO, with owners and next steps.",
            arguments={"release": "Name of the release."},
            text=(
                "Prepare a launch review of release {release}. Call `get_launch_board`, then `explain_gate` for every "
                "gate that is not GO. List for each: verdict, failing or missing checks with number, bound and time, "
                "the steps to reach GO with their owner. Say plainly what is not known. Decide nothing."
            ),
        ),
        Prompt(
            name="triage_alert",
            title="Triage an alert",
            description="What burns, whom it hits, and which step of the runbook comes first.",
            arguments={"alert_id": "Id of the alert: `alr_…`."},
            text=(
                "Triage alert {alert_id}. Call `get_alert`, read its runbook with `get_runbook`, look at the family "
                "with `query_signal` for the hour before, split by tenant and by release. Say whether one tenant or "
                "all are hit, what changed, and which step of the runbook comes first. Propose; do nothing."
            ),
        ),
    ),
    forbidden=frozenset({
        "DELETE /api/v1/traces/{trace_id}",
        "DELETE /api/v1/tenants/{tenant}/telemetry",
        "POST /api/v1/tokens",
        "POST /api/v1/evidence/{evidence_id}/reviews",
        "DELETE /api/v1/evidence/{evidence_id}",
        "POST /api/v1/evidence-keys",
        "POST /api/v1/gates",
        "POST /api/v1/objectives/{objective}/exceptions",
        "POST /api/v1/gates/{gate_id}/decisions",
        "PUT /api/v1/retention",
        "PUT /api/v1/prices/overrides",
    }),
)  # fmt: skip


def recorder(trail: AuditTrail) -> Recorder:
    """Return what writes calls of tools to the audit."""

    async def record(
        caller: Caller, tool: Tool, arguments: Mapping[str, Any], *, agent: str, is_good: bool, request_id: str
    ) -> None:
        said = {
            name: without_tokens(str(value))[:_MAX_SAID]
            for name, value in arguments.items()
            if tool.content is None or name != tool.content[0]
        }
        deed = deed_of(
            caller,
            "tools:call",
            f"tool/{tool.name}",
            outcome=Outcome.DONE if is_good else Outcome.FAILED,
            request_id=request_id,
            details={
                "agent": without_tokens(agent),
                "operation": tool.operation,
                "arguments": {name: value for name, value in said.items() if name not in {REASON, DRY_RUN}},
                "reason": said.get(REASON, ""),
                "dryRun": bool(tool.is_writing and arguments.get(DRY_RUN, True)),
            },
        )
        await trail.record(caller.workspace, deed)

    return record
