"""The example agent and its light twin, with the real SDK against a provider on loopback."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.prefix.prefix_file import build, estimate_tokens
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

EXAMPLES = Path(__file__).parents[3] / "examples"


def load(path: Path) -> ModuleType:
    """Import a handler as Lambda does, by its file."""
    spec = importlib.util.spec_from_file_location(f"{path.parent.name}_{path.stem}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def agent(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The agent's handler."""
    monkeypatch.syspath_prepend(str(EXAMPLES / "agent"))
    module = load(EXAMPLES / "agent" / "handler.py")
    yield module
    if module._client.cache_info().currsize:
        module._client().close()
    for name in ("shop", "support", "agent_handler"):
        sys.modules.pop(name, None)


def test_the_answer_has_its_measurements(agent: Any, provider: Any) -> None:
    """Reply, time to first token, usage and id."""
    answer = agent.handler({"message": "Where is my parcel?"}, None)
    assert answer["reply"] == "Hello"
    assert answer["ttft_ms"] > 0
    assert answer["usage"]["cache_read_input_tokens"] == 9
    assert (answer["message_id"], answer["turns"]) == ("msg_1", 1)
    json.dumps(answer)


def test_tools_are_run_until_there_is_an_answer(agent: Any, provider: Any) -> None:
    """The tool's result is sent back; measurements stay those of the first call."""
    order = {"order_number": "HC20481733", "email": "ines@example.org"}
    call = {"type": "tool_use", "id": "toolu_1", "name": "lookup_order", "input": order}
    provider.blocks = [call, {"type": "text", "text": "On its way."}]
    answer = agent.handler({"message": "Where is HC20481733?"}, None)
    result = json.loads(provider.bodies[1])["messages"][-1]["content"][0]
    assert json.loads(result["content"])["state"] == "handed_over"
    assert (answer["reply"], answer["turns"]) == ("On its way.", 2)
    assert answer["message_id"] == "msg_1"


def test_turns_are_bounded(agent: Any, provider: Any) -> None:
    """A model that only calls tools is stopped."""
    provider.blocks = [{"type": "tool_use", "id": "toolu_1", "name": "unknown", "input": {}}]
    answer = agent.handler({"message": "Loop"}, None)
    assert answer["turns"] == agent.MAX_TURNS == len(provider.bodies)


def test_the_light_twin_sends_the_same_bytes(agent: Any, provider: Any) -> None:
    """Without the SDK."""
    light = load(EXAMPLES / "light" / "handler.py")
    event = {"message": "Ærlig talt: hvor er pakken?"}
    first, second = agent.handler(event, None), light.handler(event, None)
    assert provider.bodies[0] == provider.bodies[1]
    assert first["reply"] == second["reply"]
    assert second["ttft_ms"] > 0
    assert second["usage"]["output_tokens"] == 2


def test_the_request_can_be_warmed(agent: Any) -> None:
    """Eight tools, 4,000 tokens of system prompt, one breakpoint of 1 hour."""
    import support

    request = support.request([{"role": "user", "content": "Hello"}])
    warm = derive(request)
    headers = {"anthropic-version": "2026-10-21"}
    assert build("support", warm, headers=headers).ttl == "1h"
    assert len(request["tools"]) == 8
    assert estimate_tokens({"system": request["system"], "messages": [{}]}) > 4000


def test_every_tool_takes_what_its_schema_requires(agent: Any) -> None:
    """Schemas and stand-ins fit together."""
    from shop import run_tool
    from support import request

    for tool in request([])["tools"]:
        properties = tool["input_schema"]["properties"]
        arguments = {name: _sample(properties[name]) for name in tool["input_schema"]["required"]}
        assert "error" not in run_tool(tool["name"], arguments), tool["name"]
        everything = {name: _sample(schema) for name, schema in properties.items()}
        assert "error" not in run_tool(tool["name"], everything), tool["name"]


def _sample(schema: dict[str, Any]) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    if schema["type"] == "string" and "pattern" in schema:
        return "HC20481733"
    kinds = {"string": "text", "integer": 1, "number": 1.0, "boolean": True, "object": {}}
    return kinds[schema["type"]]
