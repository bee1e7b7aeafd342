"""Which of the changes that went into a release had a preview deployment, as CI records it. Pure.

The document is tidegate's own (docs/reference/evidence-formats.md): `schema` is `tidegate.preview-coverage/v1` and
`changes` a list of `{change, commit, preview, outcome}`. Coverage is counted here; a change without a preview that is
ready is not covered.
"""

from dataclasses import dataclass
from typing import Any, Final

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.documents import as_mapping, as_text, load_json

__all__ = ["SCHEMA", "PreviewReading", "read_preview_coverage"]

SCHEMA: Final = "tidegate.preview-coverage/v1"
_OUTCOMES: Final = frozenset({"ready", "failed", "skipped", "missing"})
_FIELDS: Final = frozenset({"schema", "repository", "changes"})
_CHANGE_FIELDS: Final = frozenset({"change", "commit", "preview", "outcome"})
_MAX_CHANGES = 10_000
_SHOWN = 20


@dataclass(frozen=True, slots=True)
class PreviewReading:
    repository: str | None
    change_count: int
    covered_count: int
    uncovered: tuple[tuple[str, str], ...]
    """The first twenty changes without a preview that is ready, each with its outcome."""

    @property
    def coverage(self) -> float | None:
        """Return the covered share; without a change there is none."""
        return self.covered_count / self.change_count if self.change_count else None


def read_preview_coverage(content: bytes) -> PreviewReading:
    """Return what a record says.

    Raises:
        ReportUnreadableError: it is no such record.
        ReportTooLargeError: it is larger than any is read.
    """
    root = as_mapping(load_json(content, what="record of previews"), "The record")
    if root.get("schema") != SCHEMA:
        raise ReportUnreadableError(f"Its `schema` is not {SCHEMA}.")
    _check_fields(root, _FIELDS, "The record")
    changes = root.get("changes")
    if not isinstance(changes, list):
        raise ReportUnreadableError("It has no list `changes`.")
    if len(changes) > _MAX_CHANGES:
        raise ReportUnreadableError(f"It has {len(changes)} changes; {_MAX_CHANGES} are read.")
    seen: dict[str, str] = {}
    for number, change in enumerate(changes):
        name, outcome = _change(change, f"changes.{number}")
        if name in seen:
            raise ReportUnreadableError(f"changes.{number}.change is {name!r} again: which one counts is not known.")
        seen[name] = outcome
    uncovered = [(name, outcome) for name, outcome in seen.items() if outcome != "ready"]
    return PreviewReading(
        as_text(root.get("repository"), "repository", length=200),
        len(seen),
        len(seen) - len(uncovered),
        tuple(uncovered[:_SHOWN]),
    )


def _change(value: object, where: str) -> tuple[str, str]:
    change = as_mapping(value, where)
    _check_fields(change, _CHANGE_FIELDS, where)
    name = as_text(change.get("change"), f"{where}.change", length=200)
    outcome = as_text(change.get("outcome"), f"{where}.outcome", length=40)
    as_text(change.get("commit"), f"{where}.commit", length=128)
    preview = as_text(change.get("preview"), f"{where}.preview", length=500)
    if not name:
        raise ReportUnreadableError(f"{where}.change is missing.")
    if outcome not in _OUTCOMES:
        raise ReportUnreadableError(f"{where}.outcome is none of {', '.join(sorted(_OUTCOMES))}.")
    if outcome == "ready" and not (preview and preview.startswith(("https://", "http://"))):
        raise ReportUnreadableError(f"{where} is ready and names no address of its `preview`.")
    return name, outcome


def _check_fields(value: Any, known: frozenset[str], where: str) -> None:  # noqa: ANN401 - JSON
    unknown = sorted(set(value) - known)
    if unknown:
        raise ReportUnreadableError(f"{where} has a field {unknown[0][:80]!r} that is not known.")
