"""Adds the breakpoint that reads a warmed prefix to a request that has none there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.body import cache_point, fold, is_converse
from prefixwarm.prefix.warm_request import MAX_BREAKPOINTS, markers

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.prefix.prefix_file import PrefixFile


def with_breakpoint(body: Mapping[str, Any], prefix: PrefixFile) -> dict[str, Any] | None:
    """The request with a breakpoint on the prefix's last block.

    Returns
    -------
    dict or None
        None where the request has one there already, or can take no more; the request itself is
        not changed.
    """
    ttl = _ttl(body, prefix.ttl)
    if ttl is None:
        return None
    shared = len(prefix.request["messages"]) - 1
    if is_converse(body):
        return _with_cache_point(body, prefix.request, shared, ttl)
    if shared:
        return _in_messages(body, shared - 1, ttl)
    warmed = prefix.request
    tier = "system" if warmed.get("system") else "tools"
    content = body[tier]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    last = len(warmed[tier]) - 1
    marked = _marked(blocks[last], ttl)
    if marked is None:
        return None
    blocks[last] = marked
    return {**body, tier: blocks}


def _with_cache_point(
    body: Mapping[str, Any], warmed: Mapping[str, Any], shared: int, ttl: str
) -> dict[str, Any] | None:
    if shared:
        messages = list(body["messages"])
        last = messages[shared - 1]
        content = _closed(last["content"], warmed["messages"][shared - 1]["content"], ttl)
        messages[shared - 1] = {**last, "content": content}
        return {**body, "messages": messages} if content else None
    if warmed.get("system"):
        system = _closed(body["system"], warmed["system"], ttl)
        return {**body, "system": system} if system else None
    tools = _closed(body["toolConfig"]["tools"], warmed["toolConfig"]["tools"], ttl)
    return {**body, "toolConfig": {**body["toolConfig"], "tools": tools}} if tools else None


def _closed(elements: list[Any], warmed: list[Any], ttl: str) -> list[Any] | None:
    """The elements with a cache point behind the last warmed block, unless one is there."""
    places = [index for index, _ in fold(elements)]
    end = places[sum(1 for _ in fold(warmed)) - 1] + 1
    if elements[end : end + 1] and "cachePoint" in elements[end]:
        return None
    return [*elements[:end], cache_point(ttl), *elements[end:]]


def _in_messages(body: Mapping[str, Any], index: int, ttl: str) -> dict[str, Any] | None:
    messages = list(body["messages"])
    content = messages[index]["content"]
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else list(content)
    marked = _marked(blocks[-1], ttl)
    if marked is None:
        return None
    messages[index] = {**messages[index], "content": [*blocks[:-1], marked]}
    return {**body, "messages": messages}


def _marked(block: Mapping[str, Any], ttl: str) -> dict[str, Any] | None:
    if "cache_control" in block:
        return None
    return {**block, "cache_control": {"type": "ephemeral", "ttl": ttl}}


def _ttl(body: Mapping[str, Any], wanted: str) -> str | None:
    """The TTL of one more breakpoint; None where the request can take no more."""
    others = [each["cache_control"].get("ttl", "5m") for _, each in markers(body)]
    automatic = body.get("cache_control")
    if isinstance(automatic, dict):
        others.append(automatic.get("ttl", "5m"))
    # One TTL everywhere is the one mixture that the provider never refuses.
    chosen = others[0] if others else wanted
    full = len(others) >= MAX_BREAKPOINTS or any(other != chosen for other in others)
    return None if full else str(chosen)
