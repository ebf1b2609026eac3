"""Decides which tool the simulated model calls."""

from __future__ import annotations

import re
from typing import Any

from prefixwarm.fields.block_rules import is_rendered

Json = dict[str, Any]

# Tools through which frameworks receive an agent's answer; calling them does nothing else.
_ANSWER = re.compile(r"final_?(answer|result|output).*|structured_?output|json(_tool_call)?", re.I)


def tool_to_call(request: Json, *, call_tools: bool) -> Json | None:
    """Return the tool that a reply calls, or None for a text reply.

    A tool forced by name is always called. Of several tools, only one that takes the answer is
    called. Tools that may act are called only with `call_tools`, because running them with made-up
    input could do harm.

    Parameters
    ----------
    request : dict
        A validated body.
    call_tools : bool
        See `prefixwarm.simulator.Switches`.
    """
    choice = request.get("tool_choice") or {"type": "auto"}
    tools = [tool for tool in request.get("tools") or () if _is_callable(tool)]
    if choice["type"] == "tool":
        return next((tool for tool in tools if tool["name"] == choice["name"]), None)
    if choice["type"] == "none" or not tools:
        return None
    answering = next((tool for tool in tools if _ANSWER.fullmatch(tool["name"])), None)
    answered = _has_results(request["messages"])
    if choice["type"] == "any" and (answered or not call_tools):
        return answering or (tools[0] if call_tools else None)
    return tools[0] if call_tools and not answered else None


def _is_callable(tool: Json) -> bool:
    """Return whether a tool has a name and runs on the client."""
    own = tool.get("type") in (None, "custom") or "input_schema" in tool
    return own and is_rendered(tool, "tool")


def _has_results(messages: list[Json]) -> bool:
    """Return whether the user's last turn holds a tool result."""
    content = next((m["content"] for m in reversed(messages) if m["role"] == "user"), "")
    return isinstance(content, list) and any(x["type"] == "tool_result" for x in content)
