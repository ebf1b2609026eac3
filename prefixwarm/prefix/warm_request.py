"""Derives the warm request of a shared prefix from an agent's request.

Keeps what the provider renders into the prompt (thinking, effort, key order inside schemas).
Removes what belongs to one run, request or reply, and everything after the shared part. See
https://platform.claude.com/docs/en/build-with-claude/prompt-caching#pre-warming-the-cache. Converse
does not allow zero output tokens; its minimum is one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.errors import NothingSharedError, UnwarmableRequestError
from prefixwarm.fields.block_rules import calls_by_code, can_be_marked
from prefixwarm.fields.breakpoint_field import unmarked
from prefixwarm.fields.leaving_out import without_one_run
from prefixwarm.fields.visits import CONVERSE, REQUEST
from prefixwarm.fields.zero_output import zero_obstacles
from prefixwarm.life import TTL_SECONDS
from prefixwarm.prefix.body import MAX_BREAKPOINTS, as_messages, is_converse, place_of, unfold

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prefixwarm.fields.zero_output import Obstacle
    from prefixwarm.prefix.blocks import Block

PLACEHOLDER = {"role": "user", "content": "warm"}
CONVERSE_PLACEHOLDER = {"role": "user", "content": [{"text": "warm"}]}

_PLACEHOLDER_BLOCKS = {REQUEST: {"type": "text", "text": "warm"}, CONVERSE: {"text": "warm"}}
_CALLS = {"tool_use": "id", "toolUse": "toolUseId"}
_RESULTS = {"tool_result": "tool_use_id", "toolResult": "toolUseId"}


class WarmRequest(NamedTuple):
    """A warm request, and what was changed besides truncation.

    Attributes
    ----------
    body : dict
        The request, ready to send.
    left_out : dict of str to str
        The removed places, each with the reason: they belong to a ``run`` or ``request``, or set
        the ``output``, which no warm call has.
    output_tokens : int
        The output limit: 0, or 1 if a shape rules out 0.
    """

    body: dict[str, Any]
    left_out: dict[str, str]
    output_tokens: int


def static_end(request_blocks: Sequence[Block]) -> int:
    """The number of leading shared blocks of the prompt, inferred from one request."""
    static = [block for block in request_blocks if block.rendered and block.message is None]
    for tier in ("system", "tools"):
        marked = [i for i, b in enumerate(static) if b.tier == tier and b.marked]
        if marked:
            return marked[-1] + 1
    return len(static)


def warm(
    request: Mapping[str, Any], request_blocks: Sequence[Block], end: int, ttl: str = "1h"
) -> WarmRequest:
    """Return the warm request of a request's first blocks.

    Parameters
    ----------
    request
        The body of an agent's request, as sent.
    request_blocks
        All its blocks.
    end
        How many of the prompt's blocks are shared. The prefix may end earlier, where a breakpoint
        is possible and a user message may follow.
    ttl
        ``5m`` or ``1h``.

    Raises
    ------
    UnwarmableRequestError
        The provider would refuse it, or would cache nothing that real traffic reads.
    """
    if ttl not in TTL_SECONDS:
        raise UnwarmableRequestError("ttl", f"{ttl!r} is not a TTL; write 5m or 1h")
    shared = _up_to_breakpoint(request, [block for block in request_blocks if block.rendered][:end])
    warmed_blocks = list(_with_deferred(request_blocks, shared))
    marked = _marked(shared)
    values = {id(block): _value(block, block in marked, ttl) for block in warmed_blocks}
    tiers = {
        tier: [values[id(block)] for block in warmed_blocks if block.tier == tier]
        for tier in ("tools", "system")
    }
    converse = is_converse(request)
    asked, forced = _unforced(request, shared)
    rest, left = without_one_run(asked, CONVERSE if converse else REQUEST)
    messages = _messages(request, request_blocks, warmed_blocks, values)
    body = (_converse if converse else _plain)(request, rest, tiers, messages)
    gone = {place: why for place, why in left.items() if why != "reply"}
    tokens = body["inferenceConfig"]["maxTokens"] if converse else body["max_tokens"]
    return WarmRequest(body, {**gone, **forced}, tokens)


def _unforced(
    request: Mapping[str, Any], shared: Sequence[Block]
) -> tuple[Mapping[str, Any], dict[str, str]]:
    """The request without fields that rule out zero tokens and affect no warmed tier."""
    if is_converse(request) or shared[-1].message is not None:
        return request, {}
    names = [obstacle.place for obstacle in _obstacles(request) if obstacle.tier == "messages"]
    rest = {name: value for name, value in request.items() if name not in names}
    return rest, dict.fromkeys(names, "output")


def refuse_unwarmable(request: Mapping[str, Any]) -> None:
    """Refuse shapes that no warm request can have.

    Raises
    ------
    UnwarmableRequestError
        The message names the field and a workaround.
    """
    view = as_messages(request)
    for name, kind in (("model", str), ("messages", list)):
        if not isinstance(view.get(name), kind) or not view[name]:
            where = place_of(name, request)
            raise UnwarmableRequestError(where, f"is missing or not a {kind.__name__}")
    contents = [view.get("tools"), view.get("system"), view["messages"]]
    contents += [m.get("content") for m in view["messages"] if isinstance(m, dict)]
    if not all(_is_content(content) for content in contents):
        raise UnwarmableRequestError("tools, system, messages", "must be lists of objects")
    for obstacle in _obstacles(request):
        if obstacle.least is None:
            least = "maxTokens 1" if is_converse(request) else "max_tokens 0"
            raise UnwarmableRequestError(
                obstacle.place,
                f"a thinking budget forbids {least}; use adaptive thinking in the agent, or do "
                "not warm this prefix",
            )
    if is_converse(request) and (
        request.get("promptVariables") or ":prompt/" in str(request.get("modelId"))
    ):
        raise UnwarmableRequestError(
            "modelId", "names a prompt stored in AWS, which cannot be captured; send its text"
        )


def _is_content(content: object) -> bool:
    """Whether it is text, a list of objects, or absent."""
    listed = content if isinstance(content, list) else []
    return isinstance(content, str | list | None) and all(isinstance(b, dict) for b in listed)


def least_tokens(request: Mapping[str, Any]) -> int:
    """The fewest output tokens that a Messages body can request: 0, or 1 if it rules out 0."""
    return int(bool(_obstacles(request)))


def _obstacles(request: Mapping[str, Any]) -> list[Obstacle]:
    shape = CONVERSE if is_converse(request) else REQUEST
    return [obstacle for obstacle in zero_obstacles(request, shape) if obstacle.place != "stream"]


def _up_to_breakpoint(request: Mapping[str, Any], run: list[Block]) -> list[Block]:
    """The blocks up to the last that can carry a breakpoint and precede a user message."""
    if not run:
        raise NothingSharedError(
            "system", "there are neither tools nor a system prompt: nothing is shared"
        )
    by_code = calls_by_code(request.get("messages"))
    for end in range(len(run), 0, -1):
        last = run[end - 1]
        markable = can_be_marked(last.value, last.choice, by_code) == "yes"
        if markable and not last.role.startswith("system") and not _open_calls(run[:end]):
            return run[:end]
    raise UnwarmableRequestError("prefix", "its last block cannot carry a breakpoint")


def _open_calls(run: Sequence[Block]) -> set[Any]:
    """Ids of the tool calls without a result in these blocks."""
    made: set[Any] = set()
    answered: set[Any] = set()
    for block in run:
        for names, ids in ((_CALLS, made), (_RESULTS, answered)):
            if block.message is not None and block.kind in names:
                inside = block.value.get(block.kind)
                value = inside if isinstance(inside, dict) else block.value
                ids.add(value.get(names[block.kind]))
    return made - answered


def _with_deferred(request_blocks: Sequence[Block], shared: Sequence[Block]) -> Iterator[Block]:
    """The shared blocks, with blocks among them that are not part of the prompt."""
    last = next(i for i, block in enumerate(request_blocks) if block is shared[-1])
    every_tool = sum(b.rendered for b in request_blocks if b.tier == "tools")
    whole = every_tool == sum(block.tier == "tools" for block in shared)
    for i, block in enumerate(request_blocks):
        if i <= last or (whole and block.tier == "tools"):
            yield block


def _marked(shared: Sequence[Block]) -> list[Block]:
    """The blocks that carry a breakpoint in the warm request."""
    able = (b for b in shared[:-1] if b.marked and can_be_marked(b.value, b.choice) == "yes")
    marked = [*able, shared[-1]]
    while len(marked) > MAX_BREAKPOINTS:
        marked.remove(min(marked[:-1], key=lambda block: _span(block, marked, shared)))
    return marked


def _span(block: Block, marked: Sequence[Block], shared: Sequence[Block]) -> int:
    """The bytes from the previous breakpoint to this one: what this one is worth."""
    at = {id(b): i for i, b in enumerate(shared)}
    before = max((at[id(b)] for b in marked if at[id(b)] < at[id(block)]), default=-1)
    return sum(len(b.data) for b in shared[before + 1 : at[id(block)] + 1])


def _value(block: Block, marked: bool, ttl: str) -> dict[str, Any]:
    """The block for the warm request: with its TTL and no other breakpoint inside."""
    value = dict(block.value) if marked else unmarked(block.value)
    inner = value.get("content")
    if block.tier == "messages" and isinstance(inner, list):
        value["content"] = [unmarked(item) if isinstance(item, dict) else item for item in inner]
    return {**value, "cache_control": {"type": "ephemeral", "ttl": ttl}} if marked else value


def _messages(
    request: Mapping[str, Any],
    request_blocks: Sequence[Block],
    warmed_blocks: Sequence[Block],
    values: Mapping[int, dict[str, Any]],
) -> list[Any]:
    """The shared messages plus the placeholder: a separate message or a user message's last
    block."""
    converse = is_converse(request)
    messages: dict[int, list[Any]] = {}
    for block in warmed_blocks:
        if block.message is not None:
            messages.setdefault(block.message, []).append(values[id(block)])
    shared = []
    for number, content in messages.items():
        whole = request["messages"][number]
        if whole.get("content"):
            whole = {**whole, "content": unfold(content) if converse else content}
        shared.append(whole)
    last = max(messages, default=None)
    rest = any(b.message == last and b.rendered and id(b) not in values for b in request_blocks)
    if shared and shared[-1].get("role") == "user" and (rest or converse):
        placeholder = dict(_PLACEHOLDER_BLOCKS[CONVERSE if converse else REQUEST])
        return [*shared[:-1], {**shared[-1], "content": [*shared[-1]["content"], placeholder]}]
    return [*shared, dict(CONVERSE_PLACEHOLDER if converse else PLACEHOLDER)]


def _plain(
    request: Mapping[str, Any],
    rest: Mapping[str, Any],
    tiers: Mapping[str, list[Any]],
    messages: list[Any],
) -> dict[str, Any]:
    body: dict[str, Any] = {}
    for name in request:
        if name in tiers:
            if tiers[name]:
                body[name] = tiers[name]
        elif name == "messages":
            body[name] = messages
        elif name == "max_tokens":
            body[name] = 0
        elif name in rest:
            body[name] = rest[name]
    body["max_tokens"] = least_tokens(body)
    return body


def _converse(
    request: Mapping[str, Any],
    rest: Mapping[str, Any],
    tiers: Mapping[str, list[Any]],
    messages: list[Any],
) -> dict[str, Any]:
    body: dict[str, Any] = {**rest, "messages": messages}
    body["inferenceConfig"] = {**(rest.get("inferenceConfig") or {}), "maxTokens": 1}
    tool_config = request.get("toolConfig") or {}
    content = {
        "system": unfold(tiers["system"]),
        "toolConfig": {**tool_config, "tools": unfold(tiers["tools"])} if tiers["tools"] else {},
    }
    for name, value in content.items():
        if value:
            body[name] = value
        else:
            body.pop(name, None)
    return body
