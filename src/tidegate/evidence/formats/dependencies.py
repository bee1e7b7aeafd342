"""What one role needs of another, and whether it came. Pure.

The document is tidegate's own (docs/reference/evidence-formats.md): `schema` is `tidegate.dependency/v1`.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.documents import as_mapping, as_text, load_json
from tidegate.kernel import InvalidInputError, parse_utc

__all__ = ["DEPENDENCY_SCHEMA", "DependencyReading", "read_dependency"]

DEPENDENCY_SCHEMA: Final = "tidegate.dependency/v1"
_FIELDS: Final = frozenset({"schema", "from", "to", "what", "due", "state", "until"})
_STATES: Final = frozenset({"requested", "acknowledged", "received", "accepted", "provisional", "overdue"})


@dataclass(frozen=True, slots=True)
class DependencyReading:
    from_role: str
    """Who owes it."""
    to_role: str
    """Who needs it."""
    what: str
    due: datetime
    state: str
    until: datetime | None
    """Of a provisional one: when it counts no more."""


def read_dependency(content: bytes) -> DependencyReading:
    """Return what a record of a dependency says.

    Raises:
        ReportUnreadableError: it is no such record.
        ReportTooLargeError: it is larger than any is read.
    """
    root = as_mapping(load_json(content, what="record of a dependency"), "The record")
    if root.get("schema") != DEPENDENCY_SCHEMA:
        raise ReportUnreadableError(f"Its `schema` is not {DEPENDENCY_SCHEMA}.")
    unknown = sorted(set(root) - _FIELDS)
    if unknown:
        raise ReportUnreadableError(f"The record has a field {unknown[0][:80]!r} that is not known.")
    said = {name: _word(root.get(name), name) for name in ("from", "to", "what", "state")}
    if said["state"] not in _STATES:
        raise ReportUnreadableError(f"`state` is none of {', '.join(sorted(_STATES))}.")
    until = None if root.get("until") is None else _moment(root, "until")
    if said["state"] == "provisional" and until is None:
        raise ReportUnreadableError("It is provisional and does not say `until` when.")
    return DependencyReading(said["from"], said["to"], said["what"], _moment(root, "due"), said["state"], until)


def _word(value: object, field: str) -> str:
    text = as_text(value, field, length=200)
    if not text or not text.strip():
        raise ReportUnreadableError(f"The record has no `{field}`.")
    return text


def _moment(root: Any, field: str) -> datetime:  # noqa: ANN401 - JSON
    try:
        return parse_utc(_word(root.get(field), field), field=field)
    except InvalidInputError as error:
        raise ReportUnreadableError(f"`{field}`: {error.message}") from error
