"""Capture runs real agents as they are, on every route of the SDK."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.capture.recording import record, run
from prefixwarm.prefix.compiled import compile_prefix
from tests.helpers.prefixes import prefix_from_requests

if TYPE_CHECKING:
    from pathlib import Path

# One process makes the calls of all clients, because importing the SDK is what takes long. The
# question says whose call it is.
AGENT = """
import asyncio, json
import anthropic, boto3

def body(who, model, question):
    return dict(
        model=model, max_tokens=64,
        tools=[{"name": "find", "description": "Finds.", "input_schema": {"type": "object",
            "properties": {"z": {"type": "string"}, "a": {"type": "string"}}}}],
        system=[{"type": "text", "text": "You are a helper. " * 500,
            "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
        messages=[{"role": "user", "content": f"{who}: {question}"}])

def plain(who, client, model):
    for question in "ab":
        client.messages.create(**body(who, model, question))

def streaming(who, client, model):
    for question in "ab":
        with client.messages.stream(**body(who, model, question)) as stream:
            assert stream.get_final_message().usage.output_tokens

async def asynchronous(who, model):
    async with anthropic.AsyncAnthropic() as client:
        await asyncio.gather(
            *(client.messages.create(**body(who, model, question)) for question in "ab"))

def beta(who, client, model):
    for question in "ab":
        client.beta.messages.create(
            **body(who, model, question), betas=["context-management-2025-06-27"])

def invoke(who, model):
    client = boto3.client("bedrock-runtime")
    for question in "ab":
        sent = body(who, model, question) | {"anthropic_version": "bedrock-2023-05-31"}
        del sent["model"]
        reply = client.invoke_model(modelId=model, body=json.dumps(sent))
        assert json.loads(reply["body"].read())["usage"]

SONNET, PROFILE = "claude-sonnet-5-5", "global.anthropic.claude-sonnet-5-5"
plain("sync", anthropic.Anthropic(), SONNET)
streaming("streaming", anthropic.Anthropic(), SONNET)
asyncio.run(asynchronous("async", SONNET))
beta("beta", anthropic.Anthropic(), SONNET)
plain("aws", anthropic.AnthropicAWS(), SONNET)
plain("mantle", anthropic.AnthropicBedrockMantle(), f"anthropic.{SONNET}")
plain("bedrock", anthropic.AnthropicBedrock(), PROFILE)
streaming("bedrock streaming", anthropic.AnthropicBedrock(), PROFILE)
keys = dict(aws_access_key="AKIAIOSFODNN7EXAMPLE", aws_secret_key="wJalrXUtnFEMIK7MDENG")
plain("keys in code", anthropic.AnthropicBedrock(**keys), PROFILE)
invoke("boto3", PROFILE)
"""
SONNET = "claude-sonnet-5-5"
PROFILE = f"global.anthropic.{SONNET}"
CLIENTS = {
    "sync": ("anthropic", SONNET),
    "streaming": ("anthropic", SONNET),
    "async": ("anthropic", SONNET),
    "beta": ("anthropic", SONNET),
    "aws": ("aws", SONNET),
    "mantle": ("bedrock-mantle", f"anthropic.{SONNET}"),
    "bedrock": ("bedrock", PROFILE),
    "bedrock streaming": ("bedrock", PROFILE),
    "keys in code": ("bedrock", PROFILE),
    "boto3": ("bedrock", PROFILE),
}
FOREIGN = ("ANTHROPIC_", "AWS_", "PREFIXWARM_")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """What the agent sent, by client; in an environment without any key, behind a proxy."""
    path: Path = tmp_path_factory.mktemp("agent") / "agent.py"
    path.write_text(AGENT)
    with pytest.MonkeyPatch.context() as environment, record_bare(environment) as recording:
        assert run([sys.executable, str(path)], recording, output=sys.stderr) == 0
        requests = recording.requests
    by_route: dict[str, list[Any]] = {}
    for request in requests:
        who = request.body["messages"][0]["content"].partition(":")[0]
        by_route.setdefault(who, []).append(request)
    return by_route


def record_bare(environment: pytest.MonkeyPatch) -> Any:
    import os

    for name in list(os.environ):
        if name.startswith(FOREIGN):
            environment.delenv(name)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        environment.setenv(name, "http://127.0.0.1:9")
    return record()


def test_every_client_was_seen(recorded: Any) -> None:
    """Each made two requests; the proxy of the environment saw none of them."""
    assert {who: len(requests) for who, requests in recorded.items()} == dict.fromkeys(CLIENTS, 2)


@pytest.mark.parametrize("who", CLIENTS)
def test_the_prefix_is_what_was_sent(recorded: Any, who: str) -> None:
    """Route and model, blocks and key order; nothing of the two questions."""
    assert [r.status for r in recorded[who]] == [200, 200]
    prefix = prefix_from_requests(recorded[who], name="agent")
    assert (prefix.route, prefix.model) == CLIENTS[who]
    assert prefix.request["system"][0]["text"] == "You are a helper. " * 500
    assert list(prefix.request["tools"][0]["input_schema"]["properties"]) == ["z", "a"]
    body = compile_prefix(prefix).body
    assert body.count(b'"cache_control"') == 1
    assert f"{who}:".encode() not in body


def test_headers_that_shape_the_prompt(recorded: Any) -> None:
    """Betas and versions are kept where the route has them; keys and signatures nowhere."""
    beta = prefix_from_requests(recorded["beta"], name="agent")
    assert beta.headers["anthropic-beta"] == "context-management-2025-06-27"
    assert "betas" not in beta.request
    assert prefix_from_requests(recorded["bedrock"], name="agent").headers == {}
    boto3 = prefix_from_requests(recorded["boto3"], name="agent")
    assert boto3.request["anthropic_version"] == "bedrock-2023-05-31"
    kept = {name for requests in recorded.values() for r in requests for name in r.headers}
    assert kept == {"anthropic-beta", "anthropic-version"}
