"""The JSON Schema, for editors, agrees with the reader's own checks on what both can see."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from prefixwarm.errors import PrefixFileError
from prefixwarm.prefix.prefix_file import dumps, loads
from tests.helpers.prefixes import make_prefix

SCHEMA = json.loads(
    files("prefixwarm.prefix").joinpath("prefix-file.schema.json").read_text("utf-8")
)
VALIDATOR = Draft202012Validator(SCHEMA)


@pytest.fixture(params=["anthropic", "aws", "bedrock-mantle", "bedrock"])
def document(request: Any, request_body: dict[str, Any]) -> Any:
    """A valid prefix file of each route."""
    return json.loads(dumps(make_prefix("support", request_body, route=request.param)))


@pytest.fixture
def converse() -> Any:
    """A valid prefix file of Converse."""
    tool = {"toolSpec": {"name": "a", "inputSchema": {"json": {"type": "object"}}}}
    request = {
        "modelId": "eu.anthropic.claude-sonnet-5-5",
        "messages": [{"role": "user", "content": [{"text": "Hello"}]}],
        "system": [{"text": "You help. " * 500}, {"cachePoint": {"type": "default"}}],
        "toolConfig": {"tools": [tool, {"cachePoint": {"type": "default"}}]},
        "additionalModelRequestFields": {"thinking": {"type": "adaptive"}},
    }
    return json.loads(dumps(make_prefix("support", request, route="bedrock-converse")))


def changed(document: Any, field: str, value: Any) -> Any:
    *outer, last = field.split(".")
    target = document
    for name in outer:
        target = target[int(name) if name.isdigit() else name]
    if value is KeyError:
        del target[last]
    else:
        target[int(last) if last.isdigit() else last] = value
    return document


def test_the_schema_is_one() -> None:
    """By its own rules."""
    Draft202012Validator.check_schema(SCHEMA)


def test_both_accept(document: Any) -> None:
    """Of every route."""
    VALIDATOR.validate(document)
    loads(json.dumps(document))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("format", "prefixwarm/3"),
        ("format", KeyError),
        ("name", "Bad Name"),
        ("name", ""),
        ("name", KeyError),
        ("route", "azure"),
        ("ttl", "2h"),
        ("ttl", "5m"),
        ("more", 1),
        ("headers", None),
        ("headers.x-api-key", "k"),
        ("headers.anthropic-version", "2020-01-01"),
        ("request", KeyError),
        ("request.max_tokens", 1),
        ("request.max_tokens", KeyError),
        ("request.messages", []),
        ("request.stream", False),
        ("request.cache_control", {"type": "ephemeral"}),
        ("request.thinking", {"type": "enabled", "budget_tokens": 1024}),
        ("request.tool_choice", {"type": "any"}),
        ("request.output_config", {"format": {"type": "json_schema"}}),
        ("request.system.0.cache_control", {"type": "ephemeral"}),
        ("fingerprint.prefix", "sha256:0"),
        ("fingerprint.tools", KeyError),
        ("tokens.estimate", -1),
        ("tokens.estimate", 1.5),
        ("tokens", []),
        ("prices", {}),
        ("prices.usd_per_mtok", {"lunch": 1}),
        ("prices.usd_per_mtok.input", -1),
        ("prices.usd_per_mtok.input", "2"),
    ],
)
def test_both_refuse(document: Any, field: str, value: Any) -> None:
    """The same changes."""
    broken = changed(document, field, value)
    assert not VALIDATOR.is_valid(broken)
    with pytest.raises(PrefixFileError):
        loads(json.dumps(broken))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tokens.counted", 12),
        ("tokens.minimum", None),
        ("prices", None),
        ("prices.usd_per_mtok.output", None),
        ("request.thinking", None),
    ],
)
def test_both_take(document: Any, field: str, value: Any) -> None:
    """Unknown is allowed to be unknown."""
    fine = changed(document, field, value)
    VALIDATOR.validate(fine)
    if not field.startswith("request"):
        loads(json.dumps(fine))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("route", "bedrock"),
        ("headers.anthropic-version", "2023-06-01"),
        ("request.modelId", ""),
        ("request.modelId", KeyError),
        ("request.inferenceConfig", KeyError),
        ("request.inferenceConfig.maxTokens", 0),
        ("request.messages", []),
        ("request.stream", True),
        ("request.additionalModelRequestFields.thinking", {"type": "enabled"}),
        ("request.system.1", {"cachePoint": {"type": "default"}}),
        ("request.toolConfig.tools.1", {"cachePoint": {"type": "default", "ttl": "5m"}}),
    ],
)
def test_both_refuse_of_converse(converse: Any, field: str, value: Any) -> None:
    """The same changes of a Converse body; unchanged it is taken."""
    VALIDATOR.validate(converse)
    loads(json.dumps(converse))
    broken = changed(converse, field, value)
    assert not VALIDATOR.is_valid(broken)
    with pytest.raises(PrefixFileError):
        loads(json.dumps(broken))


def test_the_newer_format(document: Any) -> None:
    """Its fields are of the second format alone; a file without them is of the first."""
    finding = {"rule": "no-breakpoint", "place": "system[0]", "message": "add one"}
    newer = {"base_model": "claude-x", "placeholders": ["k"], "findings": [finding]}
    for name, value in newer.items():
        second = {**document, "format": "prefixwarm/2", name: value}
        assert VALIDATOR.is_valid(second)
        assert json.loads(dumps(loads(json.dumps(second)))) == second
        assert not VALIDATOR.is_valid({**document, name: value})
        with pytest.raises(PrefixFileError, match=name):
            loads(json.dumps({**document, name: value}))
    without = loads(json.dumps({**document, "format": "prefixwarm/2"}))
    assert json.loads(dumps(without)) == document


@pytest.mark.parametrize(
    ("name", "value"),
    [("base_model", 5), ("placeholders", [5]), ("findings", ["x"]), ("findings", [{"rule": "x"}])],
)
def test_the_newer_fields_are_checked(document: Any, name: str, value: Any) -> None:
    """By both."""
    broken = {**document, "format": "prefixwarm/2", name: value}
    assert not VALIDATOR.is_valid(broken)
    with pytest.raises(PrefixFileError, match=name):
        loads(json.dumps(broken))
