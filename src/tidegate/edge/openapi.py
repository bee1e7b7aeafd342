"""What the OpenAPI says of every route alike: errors are problem documents, tables come as CSV as well."""

from typing import Any, Final

from tidegate.edge.problems import CONTENT_TYPE

__all__ = ["describe_answers"]

_CSV: Final = {"schema": {"type": "string"}}
_PROBLEM: Final[dict[str, Any]] = {
    "type": "object",
    "title": "Problem",
    "description": "Problem details (RFC 9457).",
    "required": ["type", "title", "status", "code", "detail", "requestId"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 400, "maximum": 599},
        "code": {"type": "string"},
        "detail": {"type": "string"},
        "requestId": {"type": "string"},
        "field": {"type": "string"},
        "policyIds": {"type": "array", "items": {"type": "string"}},
        "quota": {"type": "string"},
    },
}
_REFUSED: Final[dict[str, Any]] = {
    "description": "It was not done; the code says why.",
    "content": {CONTENT_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def describe_answers(document: dict[str, Any]) -> dict[str, Any]:
    """Return `document` with what FastAPI does not know of our answers."""
    document.setdefault("components", {}).setdefault("schemas", {})["Problem"] = _PROBLEM
    for operations in document["paths"].values():
        for operation in operations.values():
            answers = operation["responses"]
            answers.pop("422", None)  # what FastAPI would say; ours is as all other problems
            answers.setdefault("default", _REFUSED)
            if _is_table(operation):
                answers["200"].setdefault("content", {})["text/csv"] = _CSV
    for unused in ("HTTPValidationError", "ValidationError"):
        document["components"]["schemas"].pop(unused, None)
    return document


def _is_table(operation: dict[str, Any]) -> bool:
    return any(
        each["name"] == "format" and "csv" in each.get("schema", {}).get("enum", ())
        for each in operation.get("parameters", ())
    )
