"""JSON schemas that the provider takes, and those that it does not."""

from __future__ import annotations

from typing import Any

import pytest

from prefixwarm.simulator.api_errors import ApiError
from prefixwarm.simulator.schema_rules import check_input, check_output, is_recursive


@pytest.mark.parametrize(
    ("schema", "recursive"),
    [
        ({"type": "object"}, False),
        ({"properties": {"next": {"$ref": "#"}}}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, True),
        ({"$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"anyOf": [{"$ref": "#/$defs/a"}]}}}, True),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {}}}, False),
        ({"properties": {"x": {"$ref": "#/$defs/a"}, "y": {"$ref": "#/$defs/a"}}}, False),
        ({"definitions": {"a": {"items": {"$ref": "#/definitions/a"}}}}, True),
    ],
)
def test_recursion(schema: dict[str, Any], recursive: bool) -> None:
    assert is_recursive(schema) is recursive


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"x": {"type": ["string", "null"], "format": "date"}}},
        {"type": "object", "properties": {"x": {"anyOf": [{"type": "integer", "minimum": 3}]}}},
        {"type": "object", "$defs": {"a": {}}, "properties": {"x": {"$ref": "#/$defs/a"}}},
        {"type": "object", "properties": {"x": {"pattern": r"^\p{L}+$"}}, "title": "X"},
    ],
)
def test_schemas_of_frameworks_are_taken(schema: dict[str, Any]) -> None:
    check_input(schema, "input_schema")


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "format": "date", "pattern": "^a"},
        {"type": "array", "items": {"type": "integer"}, "minItems": 1},
        {
            "type": "object",
            "properties": {"x": {"anyOf": [{"type": "null"}, {"enum": ["a", 1, None]}]}},
            "required": ["x"],
            "additionalProperties": False,
        },
        {"allOf": [{"type": "string"}]},
        {"type": "string", "default": "x"},
    ],
)
def test_schemas_with_a_grammar_are_taken(schema: dict[str, Any]) -> None:
    check_output(schema, "schema")


def test_the_refusal_says_where() -> None:
    with pytest.raises(ApiError, match=r"tools\.3\.custom\.input_schema: JSON schema is invalid"):
        check_input({"type": "objekt"}, "tools.3.custom.input_schema")
