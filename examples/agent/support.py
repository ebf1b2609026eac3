"""What the agent sends: the request with its tools, system prompt and cache breakpoint."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

MODEL = os.environ.get("AGENT_MODEL", "claude-sonnet-5-5")
_PROMPT = Path(__file__).parent / "prompt"
_TOOLS = json.loads((_PROMPT / "tools.json").read_text(encoding="utf-8"))
_SYSTEM = (_PROMPT / "system.md").read_text(encoding="utf-8")


def request(messages: list[dict[str, Any]]) -> dict[str, Any]:
    """Return the body of one Messages API request, without `stream`.

    Parameters
    ----------
    messages
        The conversation so far; the last one is the user's.
    """
    breakpoint_ = {"type": "ephemeral", "ttl": "1h"}
    return {
        "max_tokens": 1024,
        "messages": messages,
        "model": MODEL,
        "system": [{"type": "text", "text": _SYSTEM, "cache_control": breakpoint_}],
        "tools": _TOOLS,
    }
