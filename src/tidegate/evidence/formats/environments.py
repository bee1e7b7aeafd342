"""What `tidegate env check` found, as it is sent: names and words, never a value. Pure.

`tidegate.evidence.environments` writes both documents; the shapes are in docs/reference/evidence-formats.md.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeVar

from tidegate.evidence.errors import ReportUnreadableError
from tidegate.evidence.formats.documents import as_count, as_list, as_mapping, as_text, load_json

__all__ = [
    "PARITY_SCHEMA",
    "VALIDATION_SCHEMA",
    "EnvParityReading",
    "EnvProblem",
    "EnvValidationReading",
    "read_env_parity",
    "read_env_validation",
]

VALIDATION_SCHEMA: Final = "tidegate.env-validation/v1"
PARITY_SCHEMA: Final = "tidegate.env-parity/v1"
_PROBLEMS: Final = frozenset({"missing", "empty", "type", "pattern", "choice", "placeholder"})
_DIFFERENCES: Final = frozenset({"missing", "differs", "shared"})
_VALIDATION_FIELDS: Final = frozenset({"schema", "schemaDigest", "environment", "checked", "problems", "unknown"})
_PARITY_FIELDS: Final = frozenset({"schema", "schemaDigest", "environments", "compared", "differences"})
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,199}")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")
_MAX_NAMES = 5_000
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class EnvProblem:
    name: str
    problem: str
    environment: str | None = None


@dataclass(frozen=True, slots=True)
class EnvValidationReading:
    schema_digest: str
    environment: str
    checked_count: int
    problems: tuple[EnvProblem, ...]
    unknown: tuple[str, ...]
    """Names that the schema does not know."""


@dataclass(frozen=True, slots=True)
class EnvParityReading:
    schema_digest: str
    environments: tuple[str, ...]
    compared_count: int
    differences: tuple[EnvProblem, ...]


def read_env_validation(content: bytes) -> EnvValidationReading:
    """Return what a validation found.

    Raises:
        ReportUnreadableError: it is no validation, or holds more than names and words.
        ReportTooLargeError: it is larger than any is read.
    """
    root = _root(content, VALIDATION_SCHEMA, _VALIDATION_FIELDS)
    return EnvValidationReading(
        _digest(root),
        _required(as_text(root.get("environment"), "environment", length=100), "environment"),
        _required(as_count(root.get("checked"), "checked"), "checked"),
        _problems(root, "problems", _PROBLEMS),
        tuple(_name(one, f"unknown.{n}") for n, one in enumerate(_bounded(root, "unknown"))),
    )


def read_env_parity(content: bytes) -> EnvParityReading:
    """Return what a comparison found.

    Raises:
        ReportUnreadableError: it is no comparison, or holds more than names and words.
        ReportTooLargeError: it is larger than any is read.
    """
    root = _root(content, PARITY_SCHEMA, _PARITY_FIELDS)
    names = [as_text(one, f"environments.{n}", length=100) for n, one in enumerate(_bounded(root, "environments"))]
    environments = tuple(name for name in names if name)
    if len(set(environments)) < 2 or len(environments) != len(set(environments)):
        raise ReportUnreadableError("`environments` names less than two different ones: nothing was compared.")
    return EnvParityReading(
        _digest(root),
        environments,
        _required(as_count(root.get("compared"), "compared"), "compared"),
        _problems(root, "differences", _DIFFERENCES),
    )


def _root(content: bytes, schema: str, fields: frozenset[str]) -> Mapping[str, Any]:
    root = as_mapping(load_json(content, what="document"), "The document")
    if root.get("schema") != schema:
        raise ReportUnreadableError(f"Its `schema` is not {schema}.")
    _check_fields(root, fields, "The document")
    return root


def _problems(root: Mapping[str, Any], field: str, known: frozenset[str]) -> tuple[EnvProblem, ...]:
    found = []
    for number, one in enumerate(_bounded(root, field)):
        where = f"{field}.{number}"
        said = as_mapping(one, where)
        _check_fields(said, frozenset({"name", "problem", "environment"}), where)
        problem = as_text(said.get("problem"), f"{where}.problem", length=40)
        if problem is None or problem not in known:
            raise ReportUnreadableError(f"{where}.problem is none of {', '.join(sorted(known))}.")
        environment = as_text(said.get("environment"), f"{where}.environment", length=100)
        found.append(EnvProblem(_name(said.get("name"), f"{where}.name"), problem, environment))
    return tuple(found)


def _bounded(root: Mapping[str, Any], field: str) -> list[Any]:
    if root.get(field) is None:
        raise ReportUnreadableError(f"It has no list `{field}`.")
    found = list(as_list(root[field], field))
    if len(found) > _MAX_NAMES:
        raise ReportUnreadableError(f"`{field}` has {len(found)} entries; {_MAX_NAMES} are read.")
    return found


def _name(value: object, where: str) -> str:
    # A value in the place of a name would be shown and stored: names of variables only.
    if not isinstance(value, str) or not _NAME.fullmatch(value):
        raise ReportUnreadableError(f"{where} is no name of a variable.")
    return value


def _digest(root: Mapping[str, Any]) -> str:
    digest = root.get("schemaDigest")
    if not isinstance(digest, str) or not _DIGEST.fullmatch(digest):
        raise ReportUnreadableError("`schemaDigest` is no digest: against what was checked is not known.")
    return digest


def _required(value: T | None, field: str) -> T:
    if value is None or value == "":
        raise ReportUnreadableError(f"It has no `{field}`.")
    return value


def _check_fields(value: Mapping[str, Any], known: frozenset[str], where: str) -> None:
    unknown = sorted(set(value) - known)
    if unknown:
        raise ReportUnreadableError(f"{where} has a field {unknown[0][:80]!r} that is not known.")
