"""Agent frameworks talk to the simulator as they do to the provider, and their caching works."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from prefixwarm.observe import Observer, watch
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from prefixwarm.simulator import Simulator

MODEL = "claude-sonnet-5-5"
PROMPT = "You are a patient support agent. " * 200
MARKED = {"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral"}}


def look_up(order: str) -> str:
    """Look an order up.

    Args:
        order: Number of the order.
    """
    return f"{order} is on its way"


def check(sim: Simulator) -> list[dict[str, Any]]:
    """Every call succeeded, the first wrote the prefix and the last read it."""
    requests = sim.requests()
    assert [request["status"] for request in requests] == [200] * len(requests), requests
    usages = [request["usage"] for request in requests]
    assert usages[0]["cache_creation_input_tokens"] > 1000
    assert usages[-1]["cache_read_input_tokens"] >= usages[0]["cache_creation_input_tokens"]
    return requests


def test_langchain(sim: Simulator) -> None:
    """ChatAnthropic, plain, streamed, and with a forced tool."""
    from langchain_anthropic import ChatAnthropic
    from langchain_core.messages import HumanMessage, SystemMessage

    model = ChatAnthropic(model=MODEL, max_tokens=50, base_url=sim.url, api_key="key")
    messages = [SystemMessage(content=[MARKED]), HumanMessage(content="Hello")]
    assert "simulated" in model.invoke(messages).content
    assert "simulated" in "".join(str(part.content) for part in model.stream(messages))
    requests = check(sim)
    assert requests[-1]["stream"] is True
    # Sonnet 5.5 takes no forced tool.
    other = ChatAnthropic(model="claude-opus-5", max_tokens=50, base_url=sim.url, api_key="key")
    forced = other.bind_tools([look_up], tool_choice="look_up")
    called = forced.invoke(messages).tool_calls
    assert called[0]["name"] == "look_up"
    assert called[0]["args"] == {"order": "simulated"}


def test_pydantic_ai(sim: Simulator) -> None:
    """An agent with cached instructions."""
    from pydantic_ai import Agent
    from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
    from pydantic_ai.providers.anthropic import AnthropicProvider

    provider = AnthropicProvider(api_key="key", base_url=sim.url)
    settings = AnthropicModelSettings(anthropic_cache_instructions=True, max_tokens=50)
    agent = Agent(
        AnthropicModel(MODEL, provider=provider), instructions=PROMPT, model_settings=settings
    )

    async def run() -> list[str]:
        return [(await agent.run(question)).output for question in ("Hello", "And now?")]

    assert all("simulated" in output for output in asyncio.run(run()))
    check(sim)


def test_litellm(sim: Simulator) -> None:
    """Completion calls in OpenAI's shape."""
    import litellm

    messages = [{"role": "system", "content": [MARKED]}, {"role": "user", "content": "Hello"}]
    for _ in range(2):
        reply = litellm.completion(
            model=f"anthropic/{MODEL}",
            messages=messages,
            max_tokens=50,
            api_base=sim.url,
            api_key="key",
        )
        assert "simulated" in reply.choices[0].message.content
    check(sim)
    assert reply.usage.cache_read_input_tokens > 1000


def test_strands(sim: Simulator) -> None:
    """An agent with a cache point after its system prompt."""
    from strands import Agent
    from strands.models.anthropic import AnthropicModel

    model = AnthropicModel(
        client_args={"api_key": "key", "base_url": sim.url}, model_id=MODEL, max_tokens=50
    )
    system = [{"text": PROMPT}, {"cachePoint": {"type": "default"}}]
    for question in ("Hello", "And now?"):
        agent = Agent(model=model, system_prompt=system, callback_handler=None)
        assert "simulated" in str(agent(question))
    check(sim)


def test_strands_on_bedrock(sim: Simulator) -> None:
    """Converse: an agent that calls its tool, whole and streamed."""
    from strands import Agent, tool
    from strands.models import BedrockModel

    sim.switch(call_tools=True)
    system = [{"text": PROMPT}, {"cachePoint": {"type": "default"}}]
    for streaming in (True, False):
        model = BedrockModel(
            model_id=f"global.anthropic.{MODEL}", max_tokens=50, streaming=streaming
        )
        agent = Agent(
            model=model, system_prompt=system, tools=[tool(look_up)], callback_handler=None
        )
        assert "simulated" in str(agent("Hello"))
        results = [block for message in agent.messages for block in message["content"]]
        assert [block["toolResult"]["status"] for block in results if "toolResult" in block] == [
            "success"
        ]
    requests = check(sim)
    assert [request["stream"] for request in requests] == [True, True, False, False]


def test_strands_on_bedrock_is_watched(sim: Simulator) -> None:
    """Through its own client: hits, drift with its place, and the cache point that it lacks."""
    from strands import Agent
    from strands.models import BedrockModel

    model = BedrockModel(model_id=f"global.anthropic.{MODEL}", max_tokens=50)
    Agent(model=model, system_prompt=PROMPT, callback_handler=None)("Hello")
    sent = {"modelId": model.config["model_id"], **sim.requests()[0]["body"]}
    lines: list[Any] = []
    observer = Observer(
        [make_prefix("shop", sent, route="bedrock-converse")],
        emit=lambda line: lines.append(json.loads(line)),
    )
    watch(model.client, observer, add_breakpoint=True)
    for prompt in (PROMPT, PROMPT, PROMPT + "!"):
        Agent(model=model, system_prompt=prompt, callback_handler=None)("Hello")
    assert observer.flush(30)
    assert [line["result"] for line in lines if "result" in line] == ["miss", "hit", "drift"]
    assert [line["place"] for line in lines if "place" in line] == [f"system[0].text:{len(PROMPT)}"]
