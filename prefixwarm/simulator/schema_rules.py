"""Checks the JSON schemas of tools and of structured outputs."""

from __future__ import annotations

from functools import lru_cache
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from prefixwarm.simulator.api_errors import invalid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

Json = dict[str, Any]

_COMBINED = ("oneOf", "allOf", "anyOf")
# https://platform.claude.com/docs/en/build-with-claude/structured-outputs#json-schema-limitations
_UNSUPPORTED = {
    "number": ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
    "string": ("minLength", "maxLength"),
    "array": ("maxItems", "uniqueItems", "contains", "minContains", "maxContains", "prefixItems"),
    "object": ("patternProperties", "propertyNames", "minProperties", "maxProperties"),
}
_UNSUPPORTED["integer"] = _UNSUPPORTED["number"]
_MOST_OPTIONAL = 24
_MOST_UNIONS = 16
_INNER_MAPS = ("properties", "$defs", "definitions")
_INNER_LISTS = ("anyOf", "allOf", "oneOf")
_INNER = ("items", "additionalProperties", "not")


class _Counts(NamedTuple):
    optional: int
    unions: int


def check_input(schema: Json, path: str) -> None:
    """Refuse an ``input_schema`` that the provider does not accept.

    Notes
    -----
    Wording from: https://github.com/makenotion/notion-mcp-server/issues/341 and
    https://github.com/anthropics/claude-code/issues/63673.

    Raises
    ------
    ApiError
        400.
    """
    for name in _COMBINED:
        if name in schema:
            raise invalid(
                f"{path}: input_schema does not support oneOf, allOf, or anyOf at the top level"
            )
    _check_draft(schema, path)


def _check_draft(schema: Json, path: str) -> None:
    try:
        valid = _is_schema(orjson.dumps(schema))
    except orjson.JSONEncodeError as error:
        raise invalid("The request body is nested too deeply") from error
    if not valid:
        raise invalid(
            f"{path}: JSON schema is invalid. It must match JSON Schema draft 2020-12 "
            "(https://json-schema.org/draft/2020-12)."
        )


@lru_cache(maxsize=4096)
def _is_schema(data: bytes) -> bool:
    # Imported here: only needed for tools or formats, and takes a tenth of a second.
    from jsonschema import Draft202012Validator

    return Draft202012Validator(Draft202012Validator.META_SCHEMA).is_valid(orjson.loads(data))


def check_output(schema: Json, path: str) -> None:
    """Refuse the schema of a structured output, or of a strict tool, that has no grammar.

    Raises
    ------
    ApiError
        400.
    """
    _check_draft(schema, path)
    if is_recursive(schema):
        raise invalid(f"{path}: recursive schemas are not supported")
    for inner in _schemas(schema):
        _check_grammar(inner, path)


def _check_grammar(schema: Json, path: str) -> None:
    for kind in _types(schema):
        names = [name for name in _UNSUPPORTED.get(kind, ()) if name in schema]
        if names:
            raise invalid(
                f"{path}: For '{kind}' type, properties {', '.join(names)} are not supported"
            )
    if "object" in _types(schema) and schema.get("additionalProperties") is not False:
        raise invalid(
            f"{path}: For 'object' type, 'additionalProperties' must be explicitly set to false"
        )
    if schema.get("minItems", 0) not in (0, 1):
        raise invalid(
            f"{path}: For 'array' type, 'minItems' values other than 0 or 1 are not supported"
        )
    reference = schema.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        raise invalid(f"{path}: external $ref is not supported")
    if any(isinstance(value, (dict, list)) for value in schema.get("enum") or ()):
        raise invalid(f"{path}: enum values must be strings, numbers, booleans or null")
    if "oneOf" in schema:
        raise invalid(f"{path}: Schema type 'oneOf' is not supported")
    if any("$ref" in part for part in schema.get("allOf") or () if isinstance(part, dict)):
        raise invalid(f"{path}: allOf with $ref is not supported")


def check_strict_limits(schemas: Iterable[Json]) -> None:
    """Refuse too many optional parameters and unions, counted over all grammars.

    Raises
    ------
    ApiError
        400.
    """
    counts = [_count(inner) for schema in schemas for inner in _schemas(schema)]
    if sum(count.optional for count in counts) > _MOST_OPTIONAL:
        raise invalid(
            f"Schemas contain too many optional parameters; at most {_MOST_OPTIONAL} are supported"
        )
    if sum(count.unions for count in counts) > _MOST_UNIONS:
        raise invalid(
            f"Schemas contain too many parameters with union types; at most {_MOST_UNIONS} are "
            "supported"
        )


def _count(schema: Json) -> _Counts:
    properties = schema.get("properties") or {}
    required = schema.get("required") or ()
    optional = sum(1 for name in properties if name not in required)
    values = [value for value in properties.values() if isinstance(value, dict)]
    unions = sum(1 for value in values if "anyOf" in value or isinstance(value.get("type"), list))
    return _Counts(optional, unions)


def is_recursive(schema: Json) -> bool:
    """Return whether a schema refers to itself."""
    references = {name: _references(inner) for name, inner in _definitions(schema)}
    try:
        TopologicalSorter(references).prepare()
    except CycleError:
        return True
    return False


def _definitions(schema: Json) -> Iterator[tuple[str, Json]]:
    yield "#", schema
    for holder in ("$defs", "definitions"):
        named = schema.get(holder)
        for name, inner in (named if isinstance(named, dict) else {}).items():
            if isinstance(inner, dict):
                yield f"#/{holder}/{name}", inner


def _references(schema: Json) -> set[str]:
    """Return a definition's references, without those of its own definitions."""
    body = {key: value for key, value in schema.items() if key not in ("$defs", "definitions")}
    return {inner["$ref"] for inner in _schemas(body) if isinstance(inner.get("$ref"), str)}


def _schemas(schema: Any) -> Iterator[Json]:
    """Yield a schema and the ones inside it."""
    waiting = [schema]
    while waiting:
        inner = waiting.pop()
        if not isinstance(inner, dict):
            continue
        yield inner
        for name in _INNER_MAPS:
            named = inner.get(name)
            waiting += named.values() if isinstance(named, dict) else ()
        for name in _INNER_LISTS:
            listed = inner.get(name)
            waiting += listed if isinstance(listed, list) else ()
        waiting += [inner[name] for name in _INNER if name in inner]


def _types(schema: Json) -> list[str]:
    kind = schema.get("type")
    return [str(item) for item in kind] if isinstance(kind, list) else [str(kind)]
