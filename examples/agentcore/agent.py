"""An agent on AgentCore Runtime: a session's first call asks for its prefix to be warm.

Not at import: what runs there runs when the image's snapshot is made, long before a user comes.
"""

from __future__ import annotations

import functools
import os
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import anthropic
from bedrock_agentcore import BedrockAgentCoreApp
from prompt import SYSTEM

from prefixwarm import AskOutcome, ask

app = BedrockAgentCoreApp()
pool = ThreadPoolExecutor(1)


@functools.cache
def warming() -> Future[list[AskOutcome]]:
    """Ask once in an environment's life."""
    return pool.submit(ask, "support")


@functools.cache
def client() -> anthropic.Anthropic:
    """One client, made beside the ask."""
    return anthropic.Anthropic()


@app.entrypoint
def answer(payload: dict[str, Any]) -> dict[str, Any]:
    """Answer one question of a session."""
    asked, model = warming(), client()
    # Whatever else the start has to do belongs here: memory, tools, the user's profile.
    if error := asked.exception(timeout=10):
        app.logger.warning("the prefix may be cold: %s", error)
    reply = model.messages.create(
        model=os.environ.get("AGENT_MODEL", "claude-sonnet-5-5"),
        max_tokens=1024,
        system=[{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": payload["prompt"]}],
    )
    text = "".join(block.text for block in reply.content if block.type == "text")
    return {"text": text, "cache_read": reply.usage.cache_read_input_tokens}


if __name__ == "__main__":
    app.run()
