"""Strands on Bedrock: its own default provider, which speaks Converse, with its ways to cache."""

from __future__ import annotations

import os

from shop import MODEL, PROMPT, QUESTIONS
from shop import cancel as cancel_order
from shop import look_up as look_up_order
from strands import Agent, tool
from strands.models import BedrockModel, CacheConfig

CACHING = os.environ.get("AGENT_CACHING", "config")
ALL = CacheConfig(ttl="1h", tools_ttl=True, system_prompt_ttl=True)

# Region, credentials and endpoint are boto3's own affair.
model = BedrockModel(
    model_id=f"global.anthropic.{MODEL}",
    max_tokens=50,
    streaming=CACHING == "config",
    **({"cache_config": ALL} if CACHING == "config" else {}),
)
point = [{"cachePoint": {"type": "default"}}] if CACHING == "point" else []
for question in QUESTIONS:
    agent = Agent(
        model=model,
        system_prompt=[{"text": PROMPT}, *point],
        tools=[tool(look_up_order), tool(cancel_order)],
        callback_handler=None,
    )
    print(agent(question))
