"""What a tool takes and answers, as JSON Schema: read from the OpenAPI, so that there is one description of each."""

from collections.abc import Mapping
from typing import Any, Final

from tidegate.edge.mcp.model import DRY_RUN, REASON, Tool

__all__ = ["input_schema", "output_schema"]

_DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_WRITING: Final[Mapping[str, Any]] = {
    REASON: {
        "type": "string",
        "minLength": 3,
        "maxLength": 500,
        "description": "Why this is done, for who reads the audit.",
    },
    DRY_RUN: {"type": "boolean", "default": True, "description": "Say what would be done, and do nothing."},
}


def input_schema(tool: Tool, openapi: Mapping[str, Any]) -> dict[str, Any]:
    """Return what `tool` takes."""
    parameters = _operation(tool.operation, openapi).get("parameters", ())
    # One name may stand in the path and in the query: the path's is meant.
    found = {each["name"]: each for each in sorted(parameters, key=lambda each: each["in"] == "path")}
    in_path = [name for name, each in found.items() if each["in"] == "path"]
    names = [name for name in dict.fromkeys((*in_path, *tool.parameters)) if name not in tool.fixed]
    properties = {name: _described(found[name]) for name in names}
    required = [name for name in names if found[name].get("required") or name in tool.required]
    if tool.content:
        properties[tool.content[0]] = {"type": "string", "description": f"The whole document ({tool.content[1]})."}
        required.append(tool.content[0])
    if tool.is_writing:
        properties |= _WRITING
        required.append(REASON)
    schema = {
        "$schema": _DIALECT,
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": False,
    }
    return _with_definitions(schema, openapi)


def output_schema(tool: Tool, openapi: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return what `tool` answers; `None` for one whose dry runs answer something else."""
    if tool.is_writing:
        return None
    answers = _operation(tool.operation, openapi)["responses"]
    content = answers.get("200", answers.get("201", {})).get("content", {}).get("application/json")
    return _with_definitions({"$schema": _DIALECT, "type": "object", "allOf": [content["schema"]]}, openapi)


def _operation(operation: str, openapi: Mapping[str, Any]) -> Mapping[str, Any]:
    method, _, path = operation.partition(" ")
    found: Mapping[str, Any] = openapi["paths"][path][method.lower()]
    return found


def _described(parameter: Mapping[str, Any]) -> dict[str, Any]:
    schema = dict(parameter["schema"])
    if "description" in parameter:
        schema["description"] = parameter["description"]
    return schema


def _with_definitions(schema: dict[str, Any], openapi: Mapping[str, Any]) -> dict[str, Any]:
    """Return `schema` with all that it refers to inside."""
    known = openapi.get("components", {}).get("schemas", {})
    definitions: dict[str, Any] = {}

    def inside(value: Any) -> Any:  # noqa: ANN401 - JSON
        if isinstance(value, list):
            return [inside(each) for each in value]
        if not isinstance(value, dict):
            return value
        reference = value.get("$ref")
        if isinstance(reference, str):
            name = reference.rsplit("/", 1)[1]
            if name not in definitions:
                definitions[name] = None  # schemas may refer to themselves
                definitions[name] = inside(known[name])
            return {**value, "$ref": f"#/$defs/{name}"}
        return {key: inside(each) for key, each in value.items()}

    whole: dict[str, Any] = inside(schema)
    return {**whole, "$defs": definitions} if definitions else whole
