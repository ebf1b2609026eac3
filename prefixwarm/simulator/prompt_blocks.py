"""Splits a request body into the blocks that the cache sees: tools, system, messages."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from prefixwarm.fields.block_rules import (
    block_row,
    calls_by_code,
    can_be_marked,
    choice_of,
    cleared_messages,
    is_rendered,
)
from prefixwarm.fields.breakpoint_field import MARKER
from prefixwarm.fields.normal import normal
from prefixwarm.fields.parameters import TIERS
from prefixwarm.fields.token_estimate import block_tokens
from prefixwarm.simulator.api_errors import invalid
from prefixwarm.simulator.tool_references import loaded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator.model_catalog import Model


TOOLS, SYSTEM, MESSAGES = range(3)
_THINKING = ("thinking", "redacted_thinking")
# Larger blocks (in bytes) are rendered every time instead of being cached.
_LARGE = 4096

Json = dict[str, Any]


class Block(NamedTuple):
    """One block.

    Attributes
    ----------
    tier : int
        `TOOLS`, `SYSTEM` or `MESSAGES`.
    data : bytes
        The bytes to hash: the JSON of its normal form in received key order, with the role.
    tokens : int
        Tokens of this block alone.
    position : int
        Its index, counting a run of tool uses or of tool results as one block.
    markers : tuple of dict
        The ``cache_control`` of the block and of those inside it.
    cacheable : bool
        Whether it may carry a breakpoint.
    path : str
        Its path in the body.
    of_toolset : bool
        Whether it is a call to a member of a toolset, or the result of one.
    """

    tier: int
    data: bytes
    tokens: int
    position: int
    markers: tuple[Json, ...]
    cacheable: bool
    path: str
    of_toolset: bool = False


class _Spot(NamedTuple):
    """A block of the body and its place."""

    tier: int
    role: str
    block: Json
    path: str


class _Rendered(NamedTuple):
    """A rendered block, independent of its place.

    Attributes
    ----------
    in_prompt : bool
        Whether it is part of the prompt.
    data : bytes
        The JSON of its normal form.
    tokens : int
        Tokens of this block alone.
    run : str or None
        Its type, if adjacent blocks of it count as one position.
    cacheable : bool
        Whether it may carry a breakpoint, whatever called it.
    """

    in_prompt: bool
    data: bytes
    tokens: int
    run: str | None
    cacheable: bool


def flatten(body: Json, model: Model) -> list[Block]:
    """Return the blocks of a validated body in caching order.

    Raises
    ------
    ApiError
        400 for JSON that is nested too deeply.
    """
    blocks: list[Block] = []
    position, last_run = -1, None
    tools = {str(tool.get("name")): tool for tool in body.get("tools") or ()}
    by_code = calls_by_code(body["messages"]) if body.get("cache_control") else set()
    try:
        for spot in _walk(body, model):
            rendered = _render(spot.block, spot.tier, spot.role, model)
            if not rendered.in_prompt:
                continue
            if rendered.run is None or rendered.run != last_run:
                position += 1
            last_run = rendered.run
            data, tokens = _with_loaded_tools(spot, rendered, tools, model)
            cacheable = rendered.cacheable and spot.block.get("tool_use_id") not in by_code
            data = spot.role.encode() + data
            blocks.append(
                Block(
                    spot.tier,
                    data,
                    tokens,
                    position,
                    _markers(spot.block),
                    cacheable,
                    spot.path,
                    "toolset_name" in spot.block,
                )
            )
    except orjson.JSONEncodeError as error:
        raise invalid("The request body is nested too deeply") from error
    return blocks


def _with_loaded_tools(
    spot: _Spot, rendered: _Rendered, tools: dict[str, Json], model: Model
) -> tuple[bytes, int]:
    """Add the definitions of tools loaded on demand, at the place of their discovery."""
    data, tokens = rendered.data, rendered.tokens
    for name in loaded(spot.block) if spot.tier == MESSAGES else ():
        definition = _render(tools.get(name, {}), TOOLS, "", model)
        data, tokens = data + definition.data, tokens + definition.tokens
    return data, tokens


def _render(block: Json, tier: int, role: str, model: Model) -> _Rendered:
    raw = orjson.dumps(block)
    choice = choice_of(TIERS[tier], role=role)
    if len(raw) > _LARGE:
        return _rendered(block, choice, model)
    return _rendered_again(raw, choice, model)


@lru_cache(maxsize=4096)
def _rendered_again(raw: bytes, choice: str, model: Model) -> _Rendered:
    """Render a block, cached because other requests may hold it too."""
    return _rendered(orjson.loads(raw), choice, model)


def _rendered(block: Json, choice: str, model: Model) -> _Rendered:
    if "type" not in block and choice == "system_content":
        data = orjson.dumps(block)
        return _Rendered(True, data, block_tokens(block, data, model.token_bytes), None, False)
    data = orjson.dumps(normal(block, choice, model.name))
    row = block_row(block, choice)
    return _Rendered(
        is_rendered(block, choice),
        data,
        block_tokens(block, data, model.token_bytes),
        row.name if row is not None and row.together else None,
        can_be_marked(block, choice) == "yes",
    )


def _walk(body: Json, model: Model) -> Iterator[_Spot]:
    for index, tool in enumerate(body.get("tools") or ()):
        yield _Spot(TOOLS, "", tool, _path("tools", index))
    for index, block in enumerate(_texts(body.get("system") or ())):
        yield _Spot(SYSTEM, "", block, _path("system", index))
    messages = body["messages"]
    cleared = cleared_messages(messages)
    stripped_to = -1
    if not model.keeps_thinking:
        from_the_user = (number for number, m in enumerate(messages) if _is_from_the_user(m))
        stripped_to = max(from_the_user, default=-1)
    for number, message in enumerate(messages):
        if number in cleared:
            continue
        for spot in _message(message, number):
            if number > stripped_to or spot.block.get("type") not in _THINKING:
                yield spot


def _is_from_the_user(message: Json) -> bool:
    """Return whether a message is the user's and holds more than tool results.

    Notes
    -----
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching
    #caching-with-thinking-blocks: some models then strip the thinking before it.
    """
    content = message["content"] if message["role"] == "user" else []
    return isinstance(content, str) or any(x["type"] != "tool_result" for x in content)


def _message(message: Json, number: int) -> Iterator[_Spot]:
    role, place = message["role"], f"messages.{number}.content"
    if message.get("output_config"):
        effort = {"output_config": message["output_config"]}
        yield _Spot(MESSAGES, role, effort, f"messages.{number}.output_config")
    for index, block in enumerate(_texts(message.get("content") or ())):
        yield _Spot(MESSAGES, role, block, _path(place, index))


@lru_cache(maxsize=16_384)
def _path(place: str, index: int) -> str:
    return f"{place}.{index}"


def _texts(content: Any) -> Any:
    return [{"type": "text", "text": content}] if isinstance(content, str) else content


def _markers(block: Json) -> tuple[Json, ...]:
    inner = block.get("content")
    inside = [x for x in inner if isinstance(x, dict)] if isinstance(inner, list) else []
    values = (x.get(MARKER) for x in (*inside, block))
    return tuple(value for value in values if value)
