"""What agents send, and what they are billed."""

from __future__ import annotations

import json
from http.client import HTTPConnection
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Mapping


MODEL = "claude-sonnet-5-5"
PRICES: dict[str, Any] = {
    "as_of": "2026-11-21",
    "source": "test",
    "usd_per_mtok": {"input": 2.0, "read": 0.2, "write_5m": 2.5, "write_1h": 4.0, "output": 10.0},
}


def request_of(name: str, ttl: str = "1h") -> dict[str, Any]:
    """What the agent `name` sends: over the model's minimum, with its own breakpoint."""
    marker = {"type": "ephemeral", "ttl": ttl}
    text = f"You are {name}. " + "Answer the customer's question about the order at hand. " * 150
    return {
        "model": MODEL,
        "max_tokens": 16,
        "system": [{"type": "text", "text": text, "cache_control": marker}],
        "messages": [{"role": "user", "content": "Where is my order?"}],
    }


def usage_of(url: str, body: Mapping[str, Any]) -> Any:
    """Send a request to the simulated Claude API; its ``usage``."""
    connection = HTTPConnection(urlsplit(url).netloc, timeout=60)
    headers = {
        "content-type": "application/json",
        "anthropic-version": "2026-10-21",
        "x-api-key": "key",
    }
    connection.request("POST", "/v1/messages", json.dumps(body), headers)
    reply = json.loads(connection.getresponse().read())
    connection.close()
    return reply["usage"]
