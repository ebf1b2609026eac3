"""Strands: an agent with tools and a cache point behind its system prompt."""

from __future__ import annotations

import os

from shop import MODEL, PROMPT, QUESTIONS
from shop import look_up as look_up_order
from strands import Agent, tool
from strands.models.anthropic import AnthropicModel

# Strands hands its client's arguments on, so the SDK's own variables decide where it goes.
model = AnthropicModel(
    client_args={"api_key": os.environ["ANTHROPIC_API_KEY"]}, model_id=MODEL, max_tokens=50
)
system = [{"text": PROMPT}, {"cachePoint": {"type": "default"}}]
for question in QUESTIONS:
    agent = Agent(
        model=model, system_prompt=system, tools=[tool(look_up_order)], callback_handler=None
    )
    print(agent(question))
