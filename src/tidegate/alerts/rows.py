"""Alerts as rows of PostgreSQL: read, and written many at once."""

import hashlib
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import asyncpg

from tidegate.alerts.errors import AlertOutOfStepError
from tidegate.alerts.model import (
    Alert,
    AlertKey,
    AlertState,
    Cause,
    CauseKind,
    Change,
    Origin,
    Outside,
    Severity,
    Transition,
    Unit,
)
from tidegate.kernel import AlertId, WorkspaceId, canonical_json, format_utc
from tidegate.signals import Family
from tidegate.storage import Connection

if TYPE_CHECKING:
    Record = asyncpg.Record

__all__ = [
    "ALERT_COLUMNS", "alert_of", "alert_row", "append", "insert", "outside_json", "outside_subject_of", "row_alert",
    "transition_of", "update",
]  # fmt: skip

# Columns of an alert with their types, in the order in which they are written.
_COLUMNS: Final = (
    ("id", "text"), ("code", "text"), ("family", "text"), ("severity", "text"), ("service", "text"),
    ("tenant", "text"), ("subject", "bytea"), ("state", "text"), ("value", "double precision"),
    ("threshold", "double precision"), ("count", "bigint"), ("sentence", "text"), ("runbook", "text"),
    ("since", "timestamptz"), ("fired_at", "timestamptz"), ("resolved_at", "timestamptz"),
    ("held_since", "timestamptz"), ("transition_count", "integer"), ("dimensions", "jsonb"), ("labels", "jsonb"),
    ("owner", "text"), ("unit", "text"), ("scope", "text"), ("is_zero_tolerance", "boolean"),
    ("recovering_since", "timestamptz"), ("unsettled_at", "timestamptz"), ("flaps", "jsonb"),
    ("origin", "text"), ("outside", "jsonb"), ("expires_at", "timestamptz"),
)  # fmt: skip
_MOVING: Final = (
    "state", "value", "threshold", "count", "sentence", "fired_at", "resolved_at", "held_since", "transition_count",
    "scope", "recovering_since", "unsettled_at", "flaps", "outside", "expires_at",
)  # fmt: skip
_TYPES: Final = dict(_COLUMNS)
_JSON: Final = frozenset(name for name, kind in _COLUMNS if kind == "jsonb")
ALERT_COLUMNS: Final = ", ".join(["workspace", *(name for name, _ in _COLUMNS if name != "subject")])
_CHUNK: Final = 5_000  # 3 MB a statement; more at once saves nothing


def _arrays(names: Sequence[str], first: int) -> str:
    """Return the arrays that stand for columns, from parameter `first` on; JSON goes over the wire as text."""
    kinds = ["text" if name in _JSON else _TYPES[name] for name in names]
    return ", ".join(f"${number}::{kind}[]" for number, kind in enumerate(kinds, first))


def _selected(names: Sequence[str]) -> str:
    return ", ".join(f"{name}::jsonb" if name in _JSON else name for name in names)


_NAMES: Final = tuple(name for name, _ in _COLUMNS)
_INSERT: Final = f"""
    INSERT INTO alerts (workspace, {", ".join(_NAMES)})
    SELECT $1, {_selected(_NAMES)} FROM unnest({_arrays(_NAMES, 2)}) AS added ({", ".join(_NAMES)})
"""
_UPDATE: Final = f"""
    UPDATE alerts SET {", ".join(f"{name} = moved.{_selected([name])}" for name in _MOVING)}
    FROM unnest($2::text[], $3::integer[], {_arrays(_MOVING, 4)}) AS moved (id, expected, {", ".join(_MOVING)})
    WHERE alerts.workspace = $1 AND alerts.id = moved.id AND alerts.transition_count = moved.expected
"""
_APPEND: Final = """
    INSERT INTO alert_transitions (workspace, alert_id, sequence, from_state, to_state, at, cause)
    SELECT $1, alert_id, sequence, from_state, to_state, at, cause::jsonb
    FROM unnest($2::text[], $3::integer[], $4::text[], $5::text[], $6::timestamptz[], $7::text[])
        AS added (alert_id, sequence, from_state, to_state, at, cause)
"""


async def insert(connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
    """Store alerts that are new."""
    for start in range(0, len(changes), _CHUNK):
        rows = [alert_row(change.alert) for change in changes[start : start + _CHUNK]]
        await connection.execute(_INSERT, workspace, *([row[name] for row in rows] for name in _NAMES))


async def update(connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
    """Store how alerts moved.

    Raises:
        AlertOutOfStepError: a stored alert is not the one that its change starts from.
    """
    for start in range(0, len(changes), _CHUNK):
        some = changes[start : start + _CHUNK]
        rows = [alert_row(change.alert) for change in some]
        status = await connection.execute(
            _UPDATE,
            workspace,
            [change.alert.id for change in some],
            [change.transitions[0].sequence - 1 for change in some],
            *([row[name] for row in rows] for name in _MOVING),
        )
        if status != f"UPDATE {len(some)}":
            raise AlertOutOfStepError


async def append(connection: Connection, workspace: WorkspaceId, changes: Sequence[Change]) -> None:
    """Store the transitions of alerts."""
    moves = [(change.alert.id, transition) for change in changes for transition in change.transitions]
    for start in range(0, len(moves), _CHUNK):
        some = moves[start : start + _CHUNK]
        await connection.execute(
            _APPEND,
            workspace,
            [alert_id for alert_id, _ in some],
            [move.sequence for _, move in some],
            [move.from_state for _, move in some],
            [move.to_state for _, move in some],
            [move.at for _, move in some],
            [json.dumps(_cause_row(move.cause)) for _, move in some],
        )


def alert_of(row: "Record | dict[str, Any]") -> Alert:
    return Alert(
        id=AlertId(row["id"]),
        key=AlertKey(
            WorkspaceId(row["workspace"]), row["code"], row["service"], row["tenant"], _pairs(row["dimensions"])
        ),
        family=Family(row["family"]),
        severity=Severity(row["severity"]),
        runbook=row["runbook"],
        state=AlertState(row["state"]),
        value=row["value"],
        threshold=row["threshold"],
        count=row["count"],
        sentence=row["sentence"],
        since=row["since"],
        transition_count=row["transition_count"],
        fired_at=row["fired_at"],
        resolved_at=row["resolved_at"],
        held_since=row["held_since"],
        recovering_since=row["recovering_since"],
        unsettled_at=row["unsettled_at"],
        flaps=flaps_of(row["flaps"]),
        scope=row["scope"],
        unit=Unit(row["unit"]),
        owner=row["owner"],
        labels=_pairs(row["labels"]),
        is_zero_tolerance=row["is_zero_tolerance"],
        outside=_outside(row["outside"], row["expires_at"]) if row["origin"] == Origin.OUTSIDE else None,
        origin=Origin(row["origin"]),
    )


def row_alert(workspace: WorkspaceId, row: dict[str, Any]) -> Alert:
    """Return the alert that was written as `row`."""
    return alert_of({**row, "workspace": workspace, **{name: json.loads(row[name]) for name in _JSON}})


def flaps_of(moments: Sequence[str]) -> tuple[datetime, ...]:
    return tuple(datetime.fromisoformat(moment).astimezone(UTC) for moment in moments)


def transition_of(row: "Record") -> Transition:
    cause = row["cause"]
    return Transition(
        sequence=row["sequence"],
        from_state=AlertState(row["from_state"]),
        to_state=AlertState(row["to_state"]),
        at=row["at"],
        cause=Cause(
            kind=CauseKind(cause["kind"]),
            value=cause["value"],
            threshold=cause["threshold"],
            count=cause["count"],
            min_count=cause["minCount"],
            window=timedelta(seconds=cause["windowSeconds"]),
            words=cause["words"],
        ),
    )


def alert_row(alert: Alert) -> dict[str, Any]:
    """Return `alert` as its row is written; JSON as text."""
    key = alert.key
    return {
        "id": alert.id,
        "code": key.code,
        "family": alert.family,
        "severity": alert.severity,
        "service": key.service,
        "tenant": key.tenant,
        "subject": subject_of(alert),
        "state": alert.state,
        "value": alert.value,
        "threshold": alert.threshold,
        "count": alert.count,
        "sentence": alert.sentence,
        "runbook": alert.runbook,
        "since": alert.since,
        "fired_at": alert.fired_at,
        "resolved_at": alert.resolved_at,
        "held_since": alert.held_since,
        "transition_count": alert.transition_count,
        "dimensions": json.dumps(dict(key.labels)),
        "labels": json.dumps(dict(alert.labels)),
        "owner": alert.owner,
        "unit": alert.unit,
        "scope": alert.scope,
        "is_zero_tolerance": alert.is_zero_tolerance,
        "recovering_since": alert.recovering_since,
        "unsettled_at": alert.unsettled_at,
        "flaps": json.dumps([format_utc(moment) for moment in alert.flaps]),
        "origin": alert.origin,
        "outside": "{}" if alert.outside is None else outside_json(alert.outside),
        "expires_at": None if alert.outside is None else alert.outside.ends_at,
    }


def subject_of(alert: Alert) -> bytes:
    """Return what stands for the key of `alert`: of one from outside all labels; one of a rule shares it with none."""
    if alert.outside is not None:
        return outside_subject_of(alert.outside.labels)
    subject: list[Any] = [alert.key.service, alert.key.tenant]
    if alert.key.labels:
        subject.append([list(pair) for pair in alert.key.labels])
    if alert.origin is not Origin.RULES:
        subject.append(str(alert.origin))
    return hashlib.sha256(canonical_json(subject)).digest()


def outside_subject_of(labels: tuple[tuple[str, str], ...]) -> bytes:
    return hashlib.sha256(canonical_json([str(Origin.OUTSIDE), dict(labels)])).digest()


def outside_json(outside: Outside) -> str:
    """Return what a sender said as its column is written; the end has a column of its own."""
    return json.dumps(
        {
            "labels": dict(outside.labels),
            "annotations": dict(outside.annotations),
            "startsAt": format_utc(outside.starts_at),
            "isTimeout": outside.is_timeout,
            "generatorUrl": outside.generator_url,
            "sender": outside.sender,
            "updatedAt": format_utc(outside.updated_at),
        }
    )


def _outside(row: dict[str, Any], ends_at: datetime) -> Outside:
    return Outside(
        labels=_pairs(row["labels"]),
        annotations=_pairs(row["annotations"]),
        starts_at=datetime.fromisoformat(row["startsAt"]).astimezone(UTC),
        ends_at=ends_at,
        is_timeout=row["isTimeout"],
        generator_url=row["generatorUrl"],
        sender=row["sender"],
        updated_at=datetime.fromisoformat(row["updatedAt"]).astimezone(UTC),
    )


def _cause_row(cause: Cause) -> dict[str, Any]:
    return {
        "kind": cause.kind,
        "value": cause.value,
        "threshold": cause.threshold,
        "count": cause.count,
        "minCount": cause.min_count,
        "windowSeconds": cause.window.total_seconds(),
        "words": cause.words,
    }


def _pairs(found: dict[str, str]) -> tuple[tuple[str, str], ...]:
    return tuple(sorted(found.items()))
