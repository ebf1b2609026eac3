"""Values that fit a schema."""

from __future__ import annotations

from typing import Any

import anthropic
import jsonschema
import pydantic
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.simulator.sample_patterns import sample_match
from prefixwarm.simulator.samples import sample

PLAIN = [
    *({"type": kind} for kind in ("string", "integer", "number", "boolean", "null")),
    {"type": ["null", "string"]},
    {"type": "string", "minLength": 30},
    {"type": "string", "maxLength": 4},
    {"type": "string", "format": "uuid"},
    {"type": "string", "pattern": r"^(?:ab|c)+\d{2,}-[^x-z]$"},
    {"type": "integer", "minimum": 7},
    {"type": "integer", "maximum": -7},
    {"type": "integer", "exclusiveMinimum": 10, "multipleOf": 4},
    {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 0.1},
    {"type": "number", "minimum": 0.25, "maximum": 0.25},
    {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
    {"type": "array", "prefixItems": [{"type": "string"}, {"const": 1}], "minItems": 2},
]
schemas = st.recursive(
    st.sampled_from([*PLAIN, {"enum": ["a", "b"]}, {"const": 3}]),
    lambda inner: st.one_of(
        st.builds(lambda x: {"type": "array", "items": x, "minItems": 1}, inner),
        st.builds(lambda x: {"anyOf": [x, {"type": "null"}]}, inner),
        st.builds(lambda x: {"allOf": [x, {"title": "x"}]}, inner),
        st.builds(lambda x: {"$defs": {"a": x}, "anyOf": [x, {"type": "array"}]}, inner),
        st.builds(
            lambda x: {"type": "object", "properties": {"p": x, "q": x}, "required": ["p"]}, inner
        ),
    ),
    max_leaves=6,
)


@given(schemas)
def test_a_sample_fits_its_schema(schema: dict[str, Any]) -> None:
    jsonschema.validate(sample(schema), schema)


def test_samples_of_recursive_and_broken_schemas_end() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}
    assert "next" in sample(node)
    for broken in (None, 3, {"$ref": "#/nowhere"}, {"enum": []}, {"type": ["null"]}, {"anyOf": []}):
        sample(broken)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "integer", "enum": [3], "default": "three"},
        {"type": "string", "default": 3},
        {"type": "string", "default": None, "anyOf": [{"type": "string"}]},
        {"type": "object", "properties": {"a": {}, "b": {}}, "minProperties": 2},
        {"type": "object", "required": ["not_declared"]},
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"const": 1}}},
        {"oneOf": [{"type": "object", "properties": {"k": {"const": "x"}}, "required": ["k"]}]},
        {
            "allOf": [
                {"properties": {"a": {"type": "null"}}, "required": ["a"]},
                {"properties": {"b": {"type": "boolean"}}, "required": ["b"]},
            ]
        },
    ],
)
def test_a_sample_fits_what_frameworks_write(schema: dict[str, Any]) -> None:
    jsonschema.validate(sample(schema), schema)


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^[A-Z]{2}-\d{3,5}(a|b)?$", "AA-000"),
        (r"^\d{4}-\d{2}-\d{2}$", "0000-00-00"),
        (r"^(?:foo|bar)+$", "foo"),
        (r"^(?!x)[a-z]+$", "a"),
        (r"^https?://", "http://"),
        (r"^#[0-9a-fA-F]{6}$", "#aaaaaa"),
        (r"^[^\]a]\.x*$", "A."),
        (r"(?P<year>\d+)", "0"),
        (r"^(a$", None),
        (r"^\1$", None),
        (r"[", None),
    ],
)
def test_texts_that_match(pattern: str, text: str | None) -> None:
    assert sample_match(pattern) == text


def test_a_pattern_is_repeated_up_to_a_length() -> None:
    assert sample_match(r"^[a-z]+$", least=5) == "aaaaa"
    assert sample_match(r"^[a-z]{2}$", least=5) is None


class Order(pydantic.BaseModel):
    """What an SDK asks for."""

    age: int = pydantic.Field(ge=18, le=20, description="In years")
    share: float = pydantic.Field(gt=0, lt=0.1)
    code: str = pydantic.Field(pattern=r"^[A-Z]{2}-\d{4}$")
    name: str = pydantic.Field(min_length=20, max_length=22, description="Whose it is {first}")
    tags: list[str] = pydantic.Field(min_length=3)


def test_constraints_that_the_sdk_puts_into_descriptions_are_kept() -> None:
    """Structured outputs do not know them; the reply has to pass the model's own validation."""
    schema = anthropic.transform_schema(Order)
    assert "minimum" not in schema["properties"]["age"]
    Order.model_validate(sample(schema))
