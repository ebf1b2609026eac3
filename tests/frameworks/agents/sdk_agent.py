"""The SDK with its tool runner."""

from __future__ import annotations

import anthropic
from shop import MODEL, PROMPT, QUESTIONS, look_up

MARKED = {"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
client = anthropic.Anthropic()
for question in QUESTIONS:
    runner = client.beta.messages.tool_runner(
        model=MODEL,
        max_tokens=50,
        system=[MARKED],
        tools=[anthropic.beta_tool(look_up)],
        messages=[{"role": "user", "content": question}],
    )
    print(runner.until_done().content)
