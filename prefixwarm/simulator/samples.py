"""A value that fits a JSON schema, for tools and structured outputs that a request forces."""

from __future__ import annotations

from typing import Any

_DEEPEST = 16
_PLAIN: dict[str, Any] = {
    "string": "simulated",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
}
_COMBINED = ("anyOf", "oneOf", "allOf")


def sample(schema: Any, root: Any = None, depth: int = 0) -> Any:
    """Build a small value for a schema; what it cannot make sense of becomes a string.

    Parameters
    ----------
    schema : object
        The schema.
    root : object
        Where ``$ref`` starts; by default the schema itself.
    depth : int
        How deep it is nested; recursive schemas end at some depth.
    """
    root = schema if root is None else root
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return _PLAIN["string"]
    for fixed in ("const", "default"):
        if fixed in schema:
            return schema[fixed]
    if isinstance(schema.get("enum"), list) and schema["enum"]:
        return schema["enum"][0]
    inner = _inner(schema, root)
    return sample(inner, root, depth + 1) if inner is not None else _typed(schema, root, depth)


def _inner(schema: dict[str, Any], root: Any) -> Any:
    if isinstance(schema.get("$ref"), str):
        return _resolve(schema["$ref"], root)
    for word in _COMBINED:
        if isinstance(schema.get(word), list) and schema[word]:
            return schema[word][0]
    return None


def _resolve(reference: str, root: Any) -> Any:
    target = root
    for part in reference.lstrip("#/").split("/"):
        target = target.get(part) if isinstance(target, dict) else None
    return target if target is not None else {}


def _typed(schema: dict[str, Any], root: Any, depth: int) -> Any:
    kind = schema.get("type")
    kind = kind[0] if isinstance(kind, list) and kind else kind
    properties = schema.get("properties")
    if kind == "object" or isinstance(properties, dict):
        declared = properties if isinstance(properties, dict) else {}
        required = schema.get("required")
        names = required if isinstance(required, list) else []
        return {str(name): sample(declared.get(name, {}), root, depth + 1) for name in names}
    if kind == "array":
        least = schema.get("minItems", 0)
        return [sample(schema.get("items"), root, depth + 1)] if least == 1 else []
    return _PLAIN.get(kind, "simulated") if isinstance(kind, str) else _PLAIN["string"]
