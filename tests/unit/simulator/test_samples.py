"""Values that fit a schema."""

from __future__ import annotations

from typing import Any

import jsonschema
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.simulator.samples import sample

PLAIN = [{"type": kind} for kind in ("string", "integer", "number", "boolean", "null")]
schemas = st.recursive(
    st.sampled_from([*PLAIN, {"enum": ["a", "b"]}, {"const": 3}]),
    lambda inner: st.one_of(
        st.builds(lambda x: {"type": "array", "items": x, "minItems": 1}, inner),
        st.builds(lambda x: {"anyOf": [x, {"type": "null"}]}, inner),
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
