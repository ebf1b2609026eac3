"""From an agent's own request to the warm request of its shared prefix.

Only `max_tokens`, `stream` and the messages after the shared part change; what the provider
renders into the prompt (thinking, effort, tool_choice, key order inside schemas) stays. See
https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pre-warming-the-cache.
Converse knows no zero: its least is one token, so shapes that imply output are no hindrance there.
"""

from __future__ import annotations

from prefixwarm.errors import UnwarmableRequestError
from prefixwarm.prefix.body import as_messages, is_converse, place_of, unfold, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from typing import Any


PLACEHOLDER = {"role": "user", "content": "warm"}
CONVERSE_PLACEHOLDER = {"role": "user", "content": [{"text": "warm"}]}
TTL_SECONDS = {"5m": 300, "1h": 3600}
MAX_BREAKPOINTS = 4

_DROPPED = ("stream", "cache_control", "diagnostics")
_UNMARKABLE = ("thinking", "redacted_thinking")
# What only the streamed operation of Converse takes.
_STREAM_ONLY = "streamProcessingMode"


def derive(
    request: Mapping[str, Any], *, ttl: str = "1h", shared_messages: int = 0
) -> dict[str, Any]:
    """Derive the warm request from a real one.

    The prefix ends at the last breakpoint within tools and system, or, where the request has
    none (no caching, or automatic caching), at the last system block or tool.

    Parameters
    ----------
    request
        The body of an agent's request, as it was sent.
    ttl
        ``5m`` or ``1h``: the TTL that every breakpoint of the warm request asks for.
    shared_messages
        How many leading messages all requests of the agent share; then the prefix ends at the
        last block of those.

    Raises
    ------
    UnwarmableRequestError
        When the provider would refuse it, or would cache nothing that real traffic reads.
    """
    refuse_unwarmable(request)
    if ttl not in TTL_SECONDS:
        raise UnwarmableRequestError("ttl", f"{ttl!r} is not a TTL; write 5m or 1h")
    shared = _shared_tiers(as_messages(request), shared_messages)
    _mark_end(shared, ttl)
    return (_converse if is_converse(request) else _messages)(request, shared)


def _messages(request: Mapping[str, Any], shared: Mapping[str, list[Any]]) -> dict[str, Any]:
    warm: dict[str, Any] = {}
    for name, value in request.items():
        if name in ("tools", "system"):
            if shared[name]:
                warm[name] = shared[name]
        elif name == "messages":
            warm[name] = [*shared["messages"], dict(PLACEHOLDER)]
        elif name not in _DROPPED:
            warm[name] = value
    warm["max_tokens"] = 0
    return warm


def _converse(request: Mapping[str, Any], shared: Mapping[str, list[Any]]) -> dict[str, Any]:
    if shared["messages"] and shared["messages"][-1].get("role") != "assistant":
        raise UnwarmableRequestError(
            "messages", "Converse takes turns: the shared ones must end with the assistant's"
        )
    messages = [{**each, "content": unfold(each["content"])} for each in shared["messages"]]
    warm: dict[str, Any] = {**request, "messages": [*messages, dict(CONVERSE_PLACEHOLDER)]}
    warm["inferenceConfig"] = {**(request.get("inferenceConfig") or {}), "maxTokens": 1}
    for name, kept in (
        ("system", unfold(shared["system"])),
        ("toolConfig", _tool_config(request, shared["tools"])),
    ):
        if kept:
            warm[name] = kept
        else:
            warm.pop(name, None)
    if _STREAM_ONLY in (guard := request.get("guardrailConfig") or {}):
        warm["guardrailConfig"] = {k: v for k, v in guard.items() if k != _STREAM_ONLY}
    return warm


def _tool_config(request: Mapping[str, Any], tools: list[Any]) -> dict[str, Any]:
    return {**request["toolConfig"], "tools": unfold(tools)} if tools else {}


def refuse_unwarmable(request: Mapping[str, Any]) -> None:
    """Check the shapes that no warm request can have, such as those that imply output.

    Raises
    ------
    UnwarmableRequestError
        Naming the field and the way round.
    """
    view = as_messages(request)
    for name, kind in (("model", str), ("messages", list)):
        if not isinstance(view.get(name), kind) or not view[name]:
            where = place_of(name, request)
            raise UnwarmableRequestError(where, f"is missing or not a {kind.__name__}")
    if _type_of(view.get("thinking")) == "enabled":
        least = "maxTokens 1" if is_converse(request) else "max_tokens 0"
        raise UnwarmableRequestError(
            place_of("thinking", request),
            f"a thinking budget forbids {least}; use adaptive thinking in the agent, or do "
            "not warm this prefix",
        )
    if is_converse(request):
        _refuse_managed_prompt(request)
    else:
        _refuse_implied_output(request)


def _refuse_managed_prompt(request: Mapping[str, Any]) -> None:
    if request.get("promptVariables") or ":prompt/" in request["modelId"]:
        raise UnwarmableRequestError(
            "modelId", "names a prompt that AWS keeps, which cannot be captured; send its text"
        )


def _refuse_implied_output(request: Mapping[str, Any]) -> None:
    if (choice := _type_of(request.get("tool_choice"))) in ("any", "tool"):
        raise UnwarmableRequestError(
            "tool_choice",
            f"{choice!r} forces output, which max_tokens 0 forbids; capture a request with "
            "tool_choice auto",
        )
    config = request.get("output_config")
    if isinstance(config, dict) and config.get("format") is not None:
        raise UnwarmableRequestError(
            "output_config.format",
            "structured output forbids max_tokens 0 and is part of the prefix; capture a "
            "request without it",
        )


def markers(request: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every block that carries a breakpoint: its place, such as ``system[1]``, and the block."""
    for _, place, _, block in walk(request):
        if isinstance(block, dict) and block.get("cache_control") is not None:
            yield place, block


def _type_of(value: object) -> object:
    return value.get("type") if isinstance(value, dict) else None


def _shared_tiers(request: Mapping[str, Any], shared_messages: int) -> dict[str, list[Any]]:
    tools, system = _copies(request.get("tools")), _system_blocks(request.get("system"))
    if not 0 <= shared_messages <= len(request["messages"]):
        found = len(request["messages"])
        raise UnwarmableRequestError(
            "messages", f"there are {found}; {shared_messages} of them cannot be shared"
        )
    messages = _copies(request["messages"][:shared_messages])
    if not messages:
        tools, system = _up_to_last_breakpoint(tools, system)
    if not (tools or system or messages):
        raise UnwarmableRequestError(
            "system", "there are neither tools nor a system prompt: nothing is shared"
        )
    return {"tools": tools, "system": system, "messages": messages}


def _up_to_last_breakpoint(tools: list[Any], system: list[Any]) -> tuple[list[Any], list[Any]]:
    for i in range(len(system) - 1, -1, -1):
        if system[i].get("cache_control") is not None:
            return tools, system[: i + 1]
    for i in range(len(tools) - 1, -1, -1):
        if tools[i].get("cache_control") is not None:
            return tools[: i + 1], []
    return tools, system


def _system_blocks(system: object) -> list[Any]:
    if isinstance(system, str):
        return [{"type": "text", "text": system}] if system else []
    return _copies(system)


def _copies(blocks: object) -> list[Any]:
    if blocks is None:
        return []
    if not isinstance(blocks, list) or not all(isinstance(block, dict) for block in blocks):
        raise UnwarmableRequestError("tools, system, messages", "must be lists of objects")
    return [dict(block) for block in blocks]


def _mark_end(shared: dict[str, list[Any]], ttl: str) -> None:
    """Put a breakpoint on the last shared block, and the one TTL on all: 1h may not follow 5m."""
    if shared["messages"]:
        shared["messages"] = [_with_block_list(message) for message in shared["messages"]]
        last = shared["messages"][-1]["content"][-1]
    else:
        last = (shared["system"] or shared["tools"])[-1]
    if _unmarkable(last):
        raise UnwarmableRequestError("prefix", "its last block cannot carry a breakpoint")
    last["cache_control"] = {"type": "ephemeral"}
    marked = [block for _, block in markers(shared)]
    for block in marked:
        block["cache_control"] = {"type": "ephemeral", "ttl": ttl}
    if len(marked) > MAX_BREAKPOINTS:
        raise UnwarmableRequestError(
            "cache_control", f"{len(marked)} breakpoints; the provider takes {MAX_BREAKPOINTS}"
        )


def _unmarkable(block: Mapping[str, Any]) -> bool:
    """Converse refuses a cache point behind reasoning, and behind documents but PDFs."""
    document = block.get("document")
    extracted = isinstance(document, dict) and document.get("format", "pdf") != "pdf"
    reasoning = block.get("type") in _UNMARKABLE or "reasoningContent" in block
    return reasoning or extracted or block.get("text") == ""


def _with_block_list(message: dict[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    blocks = [{"type": "text", "text": content}] if isinstance(content, str) else _copies(content)
    if not blocks:
        raise UnwarmableRequestError("messages", "a shared message has no content")
    return {**message, "content": blocks}
