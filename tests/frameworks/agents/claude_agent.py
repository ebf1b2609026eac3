"""The Claude Agent SDK, which runs its own command line program."""

from __future__ import annotations

import asyncio

from claude_agent_sdk import ClaudeAgentOptions, query
from shop import MODEL, PROMPT, QUESTIONS

OPTIONS = ClaudeAgentOptions(model=MODEL, max_turns=1, system_prompt=PROMPT)


async def main() -> None:
    """Ask each question in a session of its own."""
    for question in QUESTIONS:
        async for message in query(prompt=question, options=OPTIONS):
            print(type(message).__name__)


asyncio.run(main())
