"""Frameworks are observed: by one line, by their own callbacks, and never twice."""

from __future__ import annotations

import asyncio
import json
from collections import OrderedDict
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.observe import (
    Observer,
    instrument,
    langchain_callback,
    litellm_callback,
    once,
    process_observer,
    span_processor,
)
from prefixwarm.observe.patches import PATCHES
from tests.helpers.prefixes import make_prefix
from tests.helpers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator import Simulator

MODEL = "claude-sonnet-5-5"
PROFILE = f"global.anthropic.{MODEL}"
PROMPT = "You are a patient support agent. " * 200
MARKED = {"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral"}}
MESSAGES = [{"role": "system", "content": [MARKED]}, {"role": "user", "content": "Hello"}]
SENT = {
    "model": MODEL,
    "max_tokens": 50,
    "system": [MARKED],
    "messages": [{"role": "user", "content": "Hello"}],
}


class Watched:
    """An observer of what this test's agent sends, as the process's own."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.observer = self.of(make_prefix("support", SENT))

    def of(self, *prefixes: Any) -> Observer:
        """An observer of these prefixes."""
        self.observer = Observer(prefixes, emit=lambda line: self.lines.append(json.loads(line)))
        process_observer._observers[:] = [self.observer]
        return self.observer

    @property
    def results(self) -> list[str]:
        """What was reported."""
        assert self.observer.flush(30)
        return [line["result"] for line in self.lines if "result" in line]


@pytest.fixture
def watched(monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """The SDKs are as they were afterwards."""
    import anthropic._base_client
    import botocore.session
    import litellm

    base = anthropic._base_client
    for owner, name in (
        (base.SyncAPIClient, "__init__"),
        (base.AsyncAPIClient, "__init__"),
        (botocore.session.Session, "create_client"),
    ):
        monkeypatch.setattr(owner, name, getattr(owner, name))
    monkeypatch.setattr(litellm, "callbacks", [])
    monkeypatch.setattr(process_observer, "_observers", [])
    # Every simulator begins its ids anew.
    monkeypatch.setattr(once.reported, "_sources", OrderedDict())
    yield Watched()
    for kind in ("success_callback", "_async_success_callback", "input_callback"):
        getattr(litellm, kind).clear()


def langchain(sim: Simulator) -> Any:
    """LangChain's own model."""
    from langchain_anthropic import ChatAnthropic

    return ChatAnthropic(model=MODEL, max_tokens=50, base_url=sim.url, api_key="key")


def chat() -> list[Any]:
    """What it is asked."""
    from langchain_core.messages import HumanMessage, SystemMessage

    return [SystemMessage(content=[MARKED]), HumanMessage(content="Hello")]


def test_one_line_for_all_of_them(sim: Simulator, watched: Watched) -> None:
    """LangChain, pydantic-ai, Strands: through the SDK that each uses."""
    from pydantic_ai import Agent
    from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
    from pydantic_ai.providers.anthropic import AnthropicProvider

    assert instrument() == tuple(PATCHES)
    assert instrument() == tuple(PATCHES)  # twice is once
    model = langchain(sim)
    model.invoke(chat())
    assert "".join(str(part.content) for part in model.stream(chat()))
    assert watched.results == ["miss", "hit"]
    provider = AnthropicProvider(api_key="key", base_url=sim.url)
    settings = AnthropicModelSettings(anthropic_cache_instructions=True, max_tokens=50)
    agent: Any = Agent(
        AnthropicModel(MODEL, provider=provider), instructions=PROMPT, model_settings=settings
    )
    asyncio.run(agent.run("Hello"))
    assert len(watched.results) == 3


def test_strands_on_bedrock(sim: Simulator, watched: Watched) -> None:
    """Its boto3 client is one that `instrument()` watches."""
    from strands import Agent
    from strands.models import BedrockModel

    system = [{"text": PROMPT}, {"cachePoint": {"type": "default"}}]

    def ask() -> None:
        model = BedrockModel(model_id=PROFILE, max_tokens=50)
        Agent(model=model, system_prompt=system, callback_handler=None)("Hello")

    ask()
    sent = {"modelId": PROFILE, **sim.requests()[0]["body"]}
    watched.of(make_prefix("shop", sent, route="bedrock-converse"))
    instrument()
    ask()
    ask()
    assert watched.results == ["hit", "hit"]


@pytest.mark.parametrize("by", ["instrument", "callback"])
def test_litellm(sim: Simulator, watched: Watched, by: str) -> None:
    """What it sends is compared; whole, streamed, asynchronous; its callbacks run behind it."""
    import litellm

    if by == "instrument":
        instrument()
    else:
        litellm.callbacks.append(litellm_callback())
    options: dict[str, Any] = {
        "model": f"anthropic/{MODEL}",
        "messages": MESSAGES,
        "max_tokens": 50,
        "api_base": sim.url,
        "api_key": "key",
    }
    litellm.completion(**options)
    wait_for(watched, 1)
    list(litellm.completion(**options, stream=True, stream_options={"include_usage": True}))
    wait_for(watched, 2)

    async def talk() -> None:
        await litellm.acompletion(**options)
        while len(watched.results) < 3:
            await asyncio.sleep(0.05)

    asyncio.run(talk())
    wait_for(watched, 3)
    changed = [{"role": "system", "content": "Today. " + PROMPT}, MESSAGES[1]]
    litellm.completion(**{**options, "messages": changed})
    wait_for(watched, 4)
    assert watched.results == ["miss", "hit", "hit", "drift"]


def wait_for(watched: Watched, count: int) -> None:
    """LiteLLM's threads have their own pace."""

    until(lambda: len(watched.results) >= count)


def test_langchains_callback(sim: Simulator, watched: Watched) -> None:
    """Hits and misses from what the replies billed."""
    model = langchain(sim)
    handler = langchain_callback()
    for _ in range(2):
        model.invoke(chat(), config={"callbacks": [handler]})
    list(model.stream(chat(), config={"callbacks": [handler]}))
    assert watched.results == ["miss", "hit", "hit"]
    assert [line["prefix"] for line in watched.lines] == ["support"] * 3


def test_opentelemetry(sim: Simulator, watched: Watched) -> None:
    """Strands traces its model calls by the GenAI conventions, and the SDK inside does, too."""
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from strands import Agent
    from strands.models.anthropic import AnthropicModel

    provider = TracerProvider()
    provider.add_span_processor(span_processor(prefix="support"))
    trace.set_tracer_provider(provider)
    model = AnthropicModel(
        client_args={"api_key": "key", "base_url": sim.url}, model_id=MODEL, max_tokens=50
    )
    system = [{"text": PROMPT}, {"cachePoint": {"type": "default"}}]
    for _ in range(2):
        Agent(model=model, system_prompt=system, callback_handler=None)("Hello")
    assert watched.results == ["miss", "hit"]


def test_never_twice_for_one_request(sim: Simulator, watched: Watched) -> None:
    """The middleware and LangChain's callback see the same replies."""
    instrument()
    model = langchain(sim)
    for _ in range(2):
        model.invoke(chat(), config={"callbacks": [langchain_callback(), langchain_callback()]})
    assert watched.results == ["miss", "hit"]
