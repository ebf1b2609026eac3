"""A streaming agent as a FastAPI app, behind the Lambda Web Adapter on Lambda."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import anthropic
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from prompt import SYSTEM
from pydantic import BaseModel

from prefixwarm.observe import async_middleware

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

app = FastAPI()
client = anthropic.AsyncAnthropic(middleware=[async_middleware()])


class Question(BaseModel):
    """What a user asks."""

    message: str


@app.get("/health")
def health() -> str:
    """Let the adapter know that the app is there."""
    return "ok"


@app.post("/ask")
async def ask(question: Question) -> StreamingResponse:
    """Answer a question, word by word."""
    return StreamingResponse(_answer(question.message), media_type="text/plain")


async def _answer(message: str) -> AsyncIterator[str]:
    stream = client.messages.stream(
        model=os.environ.get("AGENT_MODEL", "claude-sonnet-5-5"),
        max_tokens=1024,
        system=[{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}],
        messages=[{"role": "user", "content": message}],
    )
    async with stream as events:
        async for text in events.text_stream:
            yield text
