"""The two forms of a request body: the Messages API's, and Converse's.

A Converse body has boto3's form, with the model in ``modelId``. Its cache points are separate
elements after what they close; `as_messages` folds each into the block before it, as Bedrock does
when it forwards the request to the model (its errors name the folded places). Shapes follow
botocore's service model of ``bedrock-runtime``.
"""

from __future__ import annotations

from prefixwarm.life import TTL_SECONDS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import Any


# https://platform.claude.com/docs/en/build-with-claude/prompt-caching, explicit breakpoints.
MAX_BREAKPOINTS = 4

_OWN = ("model", "tools", "system", "messages")
_OUTPUT = {"textFormat": "format"}
_CONVERSE_ONLY = frozenset(
    [
        "modelId",
        "toolConfig",
        "inferenceConfig",
        "additionalModelRequestFields",
        "outputConfig",
        "performanceConfig",
        "guardrailConfig",
    ]
)
# The Converse paths of the Messages API's fields.
_PLACES = {
    "model": "modelId",
    "tools": "toolConfig.tools",
    "tool_choice": "toolConfig.toolChoice",
    "output_config.effort": "outputConfig.effort",
    "output_config.format": "outputConfig.textFormat",
    "speed": "performanceConfig.latency",
    "max_tokens": "inferenceConfig.maxTokens",
    **{
        name: f"additionalModelRequestFields.{name}"
        for name in ("thinking", "context_management", "anthropic_beta")
    },
}


def is_converse(request: Mapping[str, Any]) -> bool:
    """Whether a body is a Converse body; as sent, its model is in the URL path."""
    return not _CONVERSE_ONLY.isdisjoint(request)


def place_of(name: str, request: Mapping[str, Any]) -> str:
    """The path in a body of the Messages API field `name`."""
    return _PLACES.get(name, name) if is_converse(request) else name


def as_messages(request: Mapping[str, Any]) -> Mapping[str, Any]:
    """Arrange a body like the Messages API; blocks keep their own form.

    Leaves out a Converse body's inference parameters, which do not affect the prompt.
    """
    if not is_converse(request):
        return request
    added = _object(request.get("additionalModelRequestFields"))
    view = {name: value for name, value in added.items() if name not in _OWN}
    if "modelId" in request:
        view["model"] = request["modelId"]
    config = _object(request.get("toolConfig"))
    for tier, elements in (("tools", config.get("tools")), ("system", request.get("system"))):
        if elements is not None:
            view[tier] = _folded(elements)
    if "messages" in request:
        view["messages"] = _folded_messages(request["messages"])
    view |= {name: value for name, value in _parameters(request, config) if value is not None}
    return view


def _parameters(
    request: Mapping[str, Any], config: Mapping[str, Any]
) -> Iterator[tuple[str, dict[str, Any] | str | None]]:
    choice = _object(config.get("toolChoice"))
    if choice:
        kind, more = next(iter(choice.items()))
        yield "tool_choice", {"type": kind, **_object(more)}
    output_config = _object(request.get("outputConfig"))
    output = {_OUTPUT.get(name, name): value for name, value in output_config.items()}
    if output:
        added = _object(request.get("additionalModelRequestFields"))
        yield "output_config", {**_object(added.get("output_config")), **output}
    yield "speed", _object(request.get("performanceConfig")).get("latency")


def without_placeholder(request: Mapping[str, Any]) -> dict[str, Any]:
    """Return a warm request's body without its last block, the placeholder.

    If the prefix ends inside a user message, the placeholder is that message's last block;
    otherwise it is a separate message.
    """
    *messages, last = request["messages"]
    content = last.get("content") if isinstance(last, dict) else None
    if isinstance(content, list) and len(content) > 1:
        messages.append({**last, "content": content[:-1]})
    return {**request, "messages": messages}


def walk(request: Mapping[str, Any]) -> Iterator[tuple[str, str, int | None, Any]]:
    """Yield every block of a body in caching order.

    Each comes with its tier, its place and the index of its message; cache points are folded in.
    """
    place, tools = place_of("tools", request), request.get("tools")
    if is_converse(request):
        tools = _object(request.get("toolConfig")).get("tools")
    for i, block in fold(listed(tools)):
        yield "tools", f"{place}[{i}]", None, block
    for i, block in fold(listed(request.get("system"))):
        yield "system", f"system[{i}]", None, block
    for i, message in enumerate(map(_object, request.get("messages") or ())):
        for j, block in fold(listed(message.get("content"))):
            yield "messages", f"messages[{i}].content[{j}]", i, block


def markers(request: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the blocks with a breakpoint, each with its place, such as ``system[1]``."""
    for _, place, _, block in walk(request):
        if isinstance(block, dict) and block.get("cache_control") is not None:
            yield place, block


def asked_ttl(request: Mapping[str, Any]) -> int | None:
    """The longest TTL of a request's breakpoints, in seconds; None without breakpoints."""
    marked = [block["cache_control"] for _, block in markers(request)]
    asked = [marker for marker in (*marked, request.get("cache_control")) if marker]
    ttls = [TTL_SECONDS.get(str(_object(marker).get("ttl") or "5m")) for marker in asked]
    return max((ttl for ttl in ttls if ttl), default=None)


def fold(elements: Iterable[Any]) -> Iterator[tuple[int, Any]]:
    """Yield blocks with their element index; cache points become ``cache_control``."""
    held: tuple[int, Any] | None = None
    for i, element in enumerate(elements):
        if isinstance(element, dict) and element.keys() == {"cachePoint"}:
            if held and isinstance(held[1], dict):
                ttl = _object(element["cachePoint"]).get("ttl")
                marker = {"type": "ephemeral", **({} if ttl is None else {"ttl": ttl})}
                held = held[0], {**held[1], "cache_control": marker}
            continue
        if held:
            yield held
        held = i, element
    if held:
        yield held


def unfold(blocks: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Reverse `fold`: the elements of these blocks."""
    elements: list[dict[str, Any]] = []
    for block in blocks:
        elements.append({k: v for k, v in block.items() if k != "cache_control"})
        if block.get("cache_control") is not None:
            elements.append(cache_point(block["cache_control"].get("ttl")))
    return elements


def with_blocks(
    request: Mapping[str, Any],
    tier: str,
    message: int | None,
    change: Callable[[list[Any]], list[Any]],
) -> dict[str, Any]:
    """Return the body with the blocks of ``tools``, ``system`` or one message changed.

    `change` receives and returns blocks with their cache points folded in.
    """
    converse = is_converse(request)

    def content(elements: object) -> list[Any]:
        blocks = change([block for _, block in fold(listed(elements))])
        return unfold(blocks) if converse else blocks

    if message is not None:
        messages = list(request["messages"])
        messages[message] = {
            **messages[message],
            "content": content(messages[message]["content"]),
        }
        return {**request, "messages": messages}
    if converse and tier == "tools":
        config = request["toolConfig"]
        return {**request, "toolConfig": {**config, "tools": content(config["tools"])}}
    return {**request, tier: content(request[tier])}


def cache_point(ttl: str | None) -> dict[str, Any]:
    """The Converse element that marks the end of a cached part."""
    return {"cachePoint": {"type": "default", **({"ttl": ttl} if ttl else {})}}


def _folded(elements: object) -> object:
    return [block for _, block in fold(elements)] if isinstance(elements, list) else elements


def _folded_messages(messages: object) -> object:
    if not isinstance(messages, list):
        return messages
    return [
        {**message, "content": _folded(message["content"])}
        if isinstance(message, dict) and "content" in message
        else message
        for message in messages
    ]


def listed(content: object) -> list[Any]:
    """The blocks of a system prompt or message; plain text is one block."""
    if isinstance(content, str):
        return [{"type": "text", "text": content}] if content else []
    return content if isinstance(content, list) else []


def _object(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
