"""What people said to gates in each workspace, and requests about it."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from tests.api.walls.world import Installation, Workspace

from tidegate.kernel import RandomIds

__all__ = ["VOICES", "fill_voices"]


async def fill_voices(installation: Installation, workspace: Workspace) -> None:
    """Add approvals, overrides, polls and freezes: whoever fills a workspace made its releases and may give none."""
    ids, owner, slots = RandomIds(), installation.owner, workspace.slots
    hidden, member = workspace.hidden("voice"), workspace.member
    await owner.execute(
        "INSERT INTO function_holders (workspace, function, member, named_by, named_at)"
        " VALUES ($1, 'qa', $2, $2, now())",
        workspace.id, member,
    )  # fmt: skip
    for gate in slots["gate_id"]:
        made = {name: ids.new_id(prefix) for name, prefix in _PREFIXES.items()}
        await owner.execute(
            """
            INSERT INTO gate_approvals (workspace, id, gate_id, check_id, release_id, role, person, name, note, binding,
                decision_seq, given_at, digest)
            VALUES ($1, $2, $3, 'agreed', 'rel_x', 'qa', $4, $5, $5, 'x', 1, now(), '')
            """,
            workspace.id, made["approval_id"], gate, member, hidden,
        )  # fmt: skip
        await owner.execute(
            """
            INSERT INTO gate_overrides (workspace, id, gate_id, policy_digest, release_id, release_name, reason, checks,
                requested_by, requested_name, requested_at, expires_at, digest)
            VALUES ($1, $2, $3, '', 'rel_x', $5, $5, '[]', $4, $5, now(), now() + interval '1 h', '')
            """,
            workspace.id, made["override_id"], gate, member, hidden,
        )  # fmt: skip
        await owner.execute(
            """
            INSERT INTO launch_polls (workspace, id, gate_id, check_id, release_id, release_name, roles, quorum,
                question, binding, decision_seq, opened_by, opened_at, closes_at, digest)
            VALUES ($1, $2, $3, 'poll', 'rel_x', $5, '["qa"]', 1, '', 'x', 1, $4, now(), now() + interval '1 h', '')
            """,
            workspace.id, made["poll_id"], gate, member, hidden,
        )  # fmt: skip
        await owner.execute(
            """
            INSERT INTO freeze_windows (workspace, id, title, reason, starts_at, ends_at, zone, set_by, set_at, digest)
            VALUES ($1, $2, $4, $4, now() + interval '1 d', now() + interval '2 d', 'UTC', $3, now(), '')
            """,
            workspace.id, made["freeze_id"], member, hidden,
        )  # fmt: skip
        await owner.execute(
            """
            INSERT INTO freeze_exceptions (workspace, id, window_id, release_id, release_name, reason, requested_by,
                requested_name, requested_at, expires_at, digest)
            VALUES ($1, $2, $3, 'rel_x', $5, $5, $4, $5, now(), now() + interval '1 h', '')
            """,
            workspace.id, made["exception_id"], made["freeze_id"], member, hidden,
        )  # fmt: skip
        for slot, value in made.items():
            slots[slot].append(value)


_PREFIXES: Final = {
    "approval_id": "apr", "override_id": "ovr", "poll_id": "pol", "freeze_id": "frz", "exception_id": "fex",
}  # fmt: skip


def _json(make: Callable[[Any, Workspace], dict[str, Any]]) -> Callable[[Any, Workspace], tuple[str, str]]:
    return lambda filled, own: (json.dumps(make(filled, own)), "application/json")


def _moment(length: timedelta) -> str:
    return (datetime.now(UTC) + length).isoformat()


def _reasoned(filled: Any, own: Workspace) -> dict[str, Any]:
    expires_at = _moment(timedelta(hours=1))
    return {"reason": own.hidden("reason"), "expiresAt": expires_at, "release": filled.value("release")}


def _frozen(filled: Any, own: Workspace) -> dict[str, Any]:
    said = {"title": own.hidden("title"), "reason": own.hidden("reason")}
    return {**said, "startsAt": _moment(timedelta(days=3)), "endsAt": _moment(timedelta(days=4))}


VOICES: Final[Mapping[str, Callable[[Any, Workspace], tuple[str, str]]]] = {
    "PUT /api/v1/functions/{function}": _json(lambda filled, _: {"members": [filled.value("member_id")]}),
    "POST /api/v1/gates/{gate_id}/approvals": _json(
        lambda filled, _: {"check": "agreed", "role": "qa", "binding": "x", "release": filled.value("release")}
    ),
    "POST /api/v1/gates/{gate_id}/overrides": _json(_reasoned),
    "POST /api/v1/polls": _json(
        lambda filled, _: {"gate": filled.value("gate_id"), "release": filled.value("release")}
    ),
    "POST /api/v1/polls/{poll_id}/answers": _json(
        lambda _, own: {"role": "qa", "answer": "hold", "note": own.hidden("n")}
    ),
    "POST /api/v1/freezes": _json(_frozen),
    "POST /api/v1/freezes/{freeze_id}/exceptions": _json(_reasoned),
}
"""Bodies by operation."""
