"""Instructor: typed answers, by its default of a forced tool, and a cached system prompt."""

from __future__ import annotations

import instructor
from pydantic import BaseModel
from shop import FORCED_MODEL, PROMPT, QUESTIONS


class Order(BaseModel):
    """An order as the shop keeps it."""

    number: str
    wish: str


MARKED = {"type": "text", "text": PROMPT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}
client = instructor.from_provider(f"anthropic/{FORCED_MODEL}")
for question in QUESTIONS:
    order = client.create(
        response_model=Order,
        max_tokens=200,
        messages=[
            {"role": "system", "content": [MARKED]},
            {"role": "user", "content": question},
        ],
    )
    print(order)
