"""pydantic-ai: an agent with tools and cached instructions."""

from __future__ import annotations

from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel, AnthropicModelSettings
from shop import MODEL, PROMPT, QUESTIONS, cancel, look_up

settings = AnthropicModelSettings(anthropic_cache_instructions="1h", max_tokens=50)
agent = Agent(
    AnthropicModel(MODEL), instructions=PROMPT, tools=[look_up, cancel], model_settings=settings
)
for question in QUESTIONS:
    print(agent.run_sync(question).output)
