"""A request body as the sequence of blocks that the cache sees: tools, system, messages."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from prefixwarm.simulator.api_errors import invalid
from prefixwarm.simulator.tokens import count

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator.model_catalog import Model


TIERS = ("tools", "system", "messages")
TOOLS, SYSTEM, MESSAGES = range(3)
_RUNS = ("tool_use", "tool_result")
_UNMARKABLE = ("thinking", "redacted_thinking")

Json = dict[str, Any]


class Block(NamedTuple):
    """One block.

    Attributes
    ----------
    tier : int
        `TOOLS`, `SYSTEM` or `MESSAGES`.
    data : bytes
        What is hashed: its JSON in received key order without markers, with the role.
    tokens : int
        Of this block alone.
    position : int
        Counts blocks, a run of tool uses or of tool results as one.
    marker : dict or None
        Its ``cache_control``.
    cacheable : bool
        Whether it may carry a marker.
    path : str
        Where it stands in the body.
    """

    tier: int
    data: bytes
    tokens: int
    position: int
    marker: Json | None
    cacheable: bool
    path: str


def flatten(body: Json, model: Model) -> list[Block]:
    """List the blocks of a validated body in the order in which they are cached.

    Raises
    ------
    ApiError
        400 for JSON that is nested too deeply.
    """
    blocks: list[Block] = []
    position, last_kind = -1, None
    try:
        for tier, role, block, path in _walk(body):
            kind = block.get("type") if tier == MESSAGES else None
            if kind not in _RUNS or kind != last_kind:
                position += 1
            last_kind = kind
            blocks.append(_block(tier, role, block, position, path, model))
    except orjson.JSONEncodeError as error:
        raise invalid("The request body is nested too deeply") from error
    return blocks


def _block(tier: int, role: bytes, block: Json, position: int, path: str, model: Model) -> Block:
    marker = block.get("cache_control")
    data = role + orjson.dumps(without_markers(block))
    cacheable = block.get("type") not in _UNMARKABLE
    tokens = count(block, data, model.token_bytes)
    return Block(tier, data, tokens, position, marker, cacheable, path)


def _walk(body: Json) -> Iterator[tuple[int, bytes, Json, str]]:
    for index, tool in enumerate(body.get("tools") or ()):
        if not tool.get("defer_loading"):  # a deferred tool is not part of the prompt yet
            yield TOOLS, b"", tool, _path("tools", index)
    for index, block in enumerate(_texts(body.get("system") or ())):
        yield SYSTEM, b"", block, _path("system", index)
    for number, message in enumerate(body["messages"]):
        role = message["role"].encode()
        for index, block in enumerate(_texts(message["content"])):
            yield MESSAGES, role, block, _path(f"messages.{number}.content", index)


@lru_cache(maxsize=16_384)
def _path(place: str, index: int) -> str:
    return f"{place}.{index}"


def _texts(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def without_markers(block: Json) -> Json:
    """Copy a block without the markers of itself and of the blocks inside it."""
    inner = block.get("content")
    if "cache_control" not in block and not isinstance(inner, list):
        return block
    plain = {key: value for key, value in block.items() if key != "cache_control"}
    if isinstance(inner, list):
        plain["content"] = [without_markers(x) if isinstance(x, dict) else x for x in inner]
    return plain
