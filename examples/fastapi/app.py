"""A web service that is warm before its first request, and as long as its traffic pays for that.

Run it with ``uvicorn app:app``; with several workers, let them share ``WARM_STATE``, a file.
"""

from __future__ import annotations

import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anthropic
from fastapi import FastAPI, Response

from prefixwarm import AsyncWarmer, AsyncWarmSchedule, Prefix

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

SYSTEM = "You are the support agent of a shop for bicycle parts. " * 150
SUPPORT = Prefix("support", model="claude-sonnet-5-5", system=SYSTEM)


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    """Keep the prefix warm while the service runs."""
    state = os.environ.get("WARM_STATE")
    async with anthropic.AsyncAnthropic() as client:
        warmer = AsyncWarmer(client, SUPPORT, store=Path(state) if state else None)
        async with AsyncWarmSchedule(warmer, policy="auto") as schedule:
            app.state.schedule = schedule
            app.state.agent = client.with_options(middleware=[schedule.middleware()])
            yield


app = FastAPI(lifespan=lifespan)


@app.get("/ready")
async def ready(response: Response) -> dict[str, bool]:
    """For the load balancer: 200 when the first answer comes quickly, or no warm call is due."""
    schedule: AsyncWarmSchedule = app.state.schedule
    warm = await schedule.wait_until_warm("support", timeout=5)
    return {"warm": warm}


@app.get("/warm")
async def warm() -> dict[str, Any]:
    """What the schedule does, and why."""
    status = app.state.schedule.status("support")
    return {
        "warm": status.warm,
        "outcome": status.outcome,
        "reason": status.reason,
        "warm_until": status.warm_until,
        "next_check": status.next_check,
        "cost_usd": status.cost_usd,
    }


@app.post("/ask")
async def ask(question: str) -> dict[str, Any]:
    """One answer; the prefix is read, not paid anew."""
    message = await app.state.agent.messages.create(
        **SUPPORT.request([{"role": "user", "content": question}], max_tokens=500)
    )
    text = "".join(block.text for block in message.content if block.type == "text")
    return {"answer": text, "read_tokens": message.usage.cache_read_input_tokens}
