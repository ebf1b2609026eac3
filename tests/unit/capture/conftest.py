"""Requests of a small agent."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from prefixwarm.capture.captured_request import CapturedRequest

HEADERS = {"anthropic-version": "2026-10-21"}


def body(question: str = "hello", **changes: Any) -> dict[str, Any]:
    """An agent's request: two tools, two system blocks, a breakpoint on the last."""
    marker = {"type": "ephemeral", "ttl": "1h"}
    request = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "tools": [
            {"name": name, "description": f"{name} " * 200, "input_schema": {"type": "object"}}
            for name in ("find", "buy")
        ],
        "system": [
            {"type": "text", "text": "You are a helper. " * 100},
            {"type": "text", "text": "Rules: " + "be kind. " * 200, "cache_control": marker},
        ],
        "messages": [{"role": "user", "content": question}],
    }
    return copy.deepcopy({**request, **changes})


@pytest.fixture
def make_body() -> Any:
    """`body`, for tests."""
    return body


@pytest.fixture
def captured() -> Any:
    """Make a captured request of a body."""

    def make(request: dict[str, Any], **changes: Any) -> CapturedRequest:
        values = {"route": "anthropic", "headers": dict(HEADERS), "status": 200, **changes}
        return CapturedRequest(body=request, **values)

    return make
