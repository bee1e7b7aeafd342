"""`/audit`: who did what."""

import json
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from fastapi import Request
from fastapi.responses import Response

from tidegate.audit.asked import Asked, AskedByQuery, Audit, Auditor
from tidegate.audit.model import ActorKind, AuditRecord, Outcome
from tidegate.edge.html import Pages, page_router
from tidegate.edge.marks import Mark
from tidegate.kernel import DEFAULT_LIMIT, UnavailableError

__all__ = ["router"]

router = page_router()
_MARKS: Final = {
    Outcome.DONE: Mark("DONE", "running", "resolved"),
    Outcome.DENIED: Mark("DENIED", "hold", "warned"),
    Outcome.FAILED: Mark("FAILED", "no-go", "no-go"),
}
_KINDS: Final = {
    ActorKind.PERSON: "person",
    ActorKind.TOKEN: "token",
    ActorKind.AGENT: "AI agent",
    ActorKind.OPERATOR: "operator",
    ActorKind.SYSTEM: "tidegate itself",
}


@dataclass(frozen=True, slots=True)
class RecordView:
    """One record on the page."""

    record: AuditRecord
    mark: Mark
    kind: str
    facts: tuple[tuple[str, str], ...]


@router.get("/audit")
async def show_audit(  # noqa: PLR0917 - FastAPI passes them by name
    request: Request, caller: Auditor, audit: Audit, pages: Pages, asked: AskedByQuery
) -> Response:
    """Show the audit, the newest first; filters stand in the address."""
    wanted = asked.filter()
    failure, next_cursor = "", None
    records: tuple[RecordView, ...] = ()
    try:
        page = await audit.search(caller.workspace, wanted, limit=DEFAULT_LIMIT, cursor=asked.cursor or None)
    except UnavailableError as error:
        # The filters stay: whoever looks asks again.
        failure = f"{error.message} (`{error.code}`)"
    else:
        records, next_cursor = tuple(map(_view_of, page.items)), page.next_cursor
    kept = _parameters(asked)
    return pages.render(
        request,
        "audit/list.html",
        section="audit",
        asked=asked,
        kinds=tuple((str(kind), words) for kind, words in _KINDS.items()),
        outcomes=tuple(map(str, Outcome)),
        records=records,
        failure=failure,
        filters=_named_filters(asked),
        older=urlencode(kept | {"cursor": next_cursor}) if next_cursor else "",
        newest=f"/audit?{urlencode(kept)}" if asked.cursor else "",
        command=_command_of(asked),
        call=f"GET /api/v1/audit{'?' if kept else ''}{urlencode(kept)}",
    )


def _parameters(asked: Asked) -> dict[str, str]:
    named = {
        "actor": asked.actor,
        "member": asked.member,
        "actorKind": asked.actor_kind,
        "action": asked.action,
        "target": asked.target,
        "outcome": asked.outcome,
        "from": asked.from_,
        "to": asked.to,
    }
    return {name: value for name, value in named.items() if value}


def _named_filters(asked: Asked) -> tuple[tuple[str, str], ...]:
    words = {"actorKind": "kind"}
    return tuple((words.get(name, name), value) for name, value in _parameters(asked).items())


def _view_of(record: AuditRecord) -> RecordView:
    deed = record.deed
    facts = {
        "Policies": ", ".join(deed.policy_ids),
        "Request": deed.request_id,
        "Before": deed.before,
        "After": deed.after,
        "Details": json.dumps(dict(deed.details), ensure_ascii=False, sort_keys=True) if deed.details else "",
        "Hash": record.hash.hex(),
        "Hash of the record before": record.previous.hex(),
    }
    return RecordView(
        record=record,
        mark=_MARKS[deed.outcome],
        kind=_KINDS[deed.actor_kind],
        facts=tuple((name, value) for name, value in facts.items() if value),
    )


def _command_of(asked: Asked) -> str:
    options = {
        "--actor": asked.actor,
        "--member": asked.member,
        "--kind": asked.actor_kind,
        "--action": asked.action,
        "--target": asked.target,
        "--outcome": asked.outcome,
        "--since": asked.from_,
        "--until": asked.to,
    }
    return " ".join(["tidegate audit list", *(f"{name} {_quoted(value)}" for name, value in options.items() if value)])


def _quoted(value: str) -> str:
    if value.translate(dict.fromkeys(map(ord, "-:._/"))).isalnum() and value.isascii():
        return value
    return "'" + value.replace("'", "'\\''") + "'"
