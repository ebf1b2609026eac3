"""LiteLLM: completion calls in OpenAI's shape."""

from __future__ import annotations

import os

import litellm
from shop import MODEL, PROMPT, QUESTIONS

MARKED = {"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
TOOL = {
    "type": "function",
    "function": {
        "name": "look_up",
        "description": "Look an order up.",
        "parameters": {"type": "object", "properties": {"order": {"type": "string"}}},
    },
}
for question in QUESTIONS:
    reply = litellm.completion(
        model=os.environ.get("AGENT_PROVIDER", "anthropic/") + MODEL,
        messages=[
            {"role": "system", "content": [MARKED]},
            {"role": "user", "content": question},
        ],
        tools=[TOOL],
        max_tokens=50,
    )
    print(reply.choices[0].message.content)
