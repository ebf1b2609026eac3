"""pydantic-ai: an agent with tools and cached instructions; or with a client that marks them."""

from __future__ import annotations

import os

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from shop import MODEL, PROMPT, QUESTIONS, cancel, look_up

if os.environ.get("AGENT_CACHING") == "middleware":
    from anthropic import AsyncAnthropic
    from pydantic_ai.providers.anthropic import AnthropicProvider

    from prefixwarm.observe import async_middleware

    client = AsyncAnthropic(middleware=[async_middleware(add_breakpoint=True)])
    model = AnthropicModel(MODEL, provider=AnthropicProvider(anthropic_client=client))
    settings = AnthropicModelSettings(max_tokens=50)
else:
    model = AnthropicModel(MODEL)
    settings = AnthropicModelSettings(anthropic_cache_instructions="1h", max_tokens=50)
agent = Agent(model, instructions=PROMPT, tools=[look_up, cancel], model_settings=settings)
for question in QUESTIONS:
    print(agent.run_sync(question).output)
