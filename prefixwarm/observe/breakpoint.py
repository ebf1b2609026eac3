"""Adds the breakpoint that reads a warmed prefix to a request that has none there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.core.warm_request import MAX_BREAKPOINTS, markers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.core.prefix_file import PrefixFile

__all__ = ["with_breakpoint"]


def with_breakpoint(body: Mapping[str, Any], prefix: PrefixFile) -> dict[str, Any] | None:
    """The request with a breakpoint on the prefix's last block.

    Returns
    -------
    dict or None
        None where the request has one there already, or can take no more; the request itself is
        not changed.
    """
    warmed = prefix.request
    shared = len(warmed["messages"]) - 1
    if shared:
        return _in_messages(body, shared - 1, prefix.ttl)
    tier = "system" if warmed.get("system") else "tools"
    content = body[tier]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    last = len(warmed[tier]) - 1
    marked = _marked(body, blocks[last], prefix.ttl)
    if marked is None:
        return None
    blocks[last] = marked
    return {**body, tier: blocks}


def _in_messages(body: Mapping[str, Any], index: int, ttl: str) -> dict[str, Any] | None:
    messages = list(body["messages"])
    content = messages[index]["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    marked = _marked(body, blocks[-1], ttl)
    if marked is None:
        return None
    messages[index] = {**messages[index], "content": [*blocks[:-1], marked]}
    return {**body, "messages": messages}


def _marked(body: Mapping[str, Any], block: Mapping[str, Any], ttl: str) -> dict[str, Any] | None:
    others = [each["cache_control"].get("ttl", "5m") for _, each in markers(body)]
    automatic = body.get("cache_control")
    if isinstance(automatic, dict):
        others.append(automatic.get("ttl", "5m"))
    if "cache_control" in block or len(others) >= MAX_BREAKPOINTS:
        return None
    # One TTL everywhere is the one mixture that the provider never refuses.
    chosen = others[0] if others else ttl
    if any(other != chosen for other in others):
        return None
    return {**block, "cache_control": {"type": "ephemeral", "ttl": chosen}}
