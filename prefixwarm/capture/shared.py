"""What the requests of one agent share: the longest common run of whole blocks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.blocks import blocks, estimate
from prefixwarm.prefix.body import as_messages, is_converse, unfold
from prefixwarm.prefix.cache_parameters import cache_parameters
from prefixwarm.prefix.difference import between_blocks
from prefixwarm.prefix.volatile import leaves, masked

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from prefixwarm.capture.captured_request import CapturedRequest
    from prefixwarm.prefix.blocks import Block
    from prefixwarm.prefix.difference import Difference


_ALIKE = 0.5
# These do not reach tools and system, forbid the warm, or come and go with the conversation: they
# do not make another agent.
_PER_REQUEST = ("tool_choice", "output_config.format", "citations", "images")


@dataclass(frozen=True)
class Shared:
    """What is common to all requests of one agent.

    Attributes
    ----------
    body : dict
        The first request, cut behind the shared blocks of its tools and system.
    messages : int
        Leading messages that all conversations share.
    conversations : int
        Independent conversations that were compared.
    divergence : Difference or None
        What ends the shared run within tools and system.
    wasted : Block or None
        The first block behind the divergence that carries a breakpoint.
    lost_tokens : int
        Estimated tokens of tools and system from the divergence on, which nobody shares.
    """

    body: dict[str, Any]
    messages: int
    conversations: int
    divergence: Difference | None = None
    wasted: Block | None = None
    lost_tokens: int = 0


def agents(requests: Iterable[CapturedRequest]) -> list[list[CapturedRequest]]:
    """Requests by agent: same route, model, shape and tool names, and prompts that are alike."""
    groups: dict[str, list[list[CapturedRequest]]] = {}
    for request in requests:
        kin = groups.setdefault(_kin(request), [])
        home = next((group for group in kin if _alike(group[0], request)), None)
        if home is None:
            kin.append([request])
        else:
            home.append(request)
    return [group for kin in groups.values() for group in kin]


def find_shared(group: Sequence[CapturedRequest]) -> Shared:
    """The shared prefix of one agent's requests.

    From several conversations it is what all have in common; from one, what its breakpoints
    say, or its tools and system prompt.
    """
    heads = _conversations(group)
    if len(heads) == 1:
        return Shared(heads[0].body, 0, 1)
    static = [blocks(head.body, messages=()) for head in heads]
    run = min(_common(static[0], side) for side in static)
    if all(len(side) == run for side in static):
        return Shared(heads[0].body, _common_messages(heads), len(heads))
    cut = Shared(_cut(heads[0].body, run), 0, len(heads))
    parted = [side for side in static if len(side) > run and _parts(static[0], side, run)]
    if not parted:
        # Some requests only have more blocks behind it than others.
        return cut
    ours, theirs = static[0][run:], parted[0][run:]
    wasted = next((block for block in ours if block.marked), None)
    divergence = between_blocks(_same_tier(ours, theirs), _same_tier(theirs, ours))
    return replace(cut, divergence=divergence, wasted=wasted, lost_tokens=estimate(ours))


def _kin(request: CapturedRequest) -> str:
    form = cache_parameters(request.body, request.headers)
    kept = {name: value for name, value in form.items() if name not in _PER_REQUEST}
    tools = sorted(block.name for block in blocks(request.body, ()) if block.tier == "tools")
    return repr((request.route, sorted(kept.items(), key=lambda item: item[0]), tools))


def _alike(left: CapturedRequest, right: CapturedRequest) -> bool:
    """Whether two system prompts are versions of one: most of their words are common."""
    ours, theirs = _words(left), _words(right)
    return len(ours & theirs) >= _ALIKE * len(ours | theirs)


def _words(request: CapturedRequest) -> set[str]:
    system = [block for block in blocks(request.body, ()) if block.tier == "system"]
    texts = [text for block in system for _, text in leaves(block.value, block.place)]
    return set(masked(" ".join(texts)).split())


def _conversations(group: Sequence[CapturedRequest]) -> list[CapturedRequest]:
    """One request of each conversation, its first; a continued or repeated one says nothing new."""
    heads: list[CapturedRequest] = []
    for request in group:
        if not any(_continues(request, head) for head in heads):
            heads.append(request)
    return heads


def _continues(request: CapturedRequest, head: CapturedRequest) -> bool:
    ours, theirs = blocks(request.body), blocks(head.body)
    return _common(ours, theirs) == len(theirs)


def _parts(ours: Sequence[Block], theirs: Sequence[Block], run: int) -> bool:
    """Whether two requests go on differently behind their common run."""
    return len(ours) > run and ours[run].data != theirs[run].data


def _common(left: Sequence[Any], right: Sequence[Any]) -> int:
    count = 0
    for ours, theirs in zip(left, right, strict=False):
        if ours.data != theirs.data:
            break
        count += 1
    return count


def _common_messages(heads: Sequence[CapturedRequest]) -> int:
    """Whole leading messages that all share; the last of each is its own."""
    sides = [[blocks({}, (message,)) for message in head.body["messages"]] for head in heads]
    most = min(len(side) for side in sides) - 1
    count = 0
    while count < most and all(_equal(side[count], sides[0][count]) for side in sides):
        count += 1
    # In Converse two turns of one side are refused, and the warm call adds a user's.
    while count and is_converse(heads[0].body) and _role(heads[0], count - 1) != "assistant":
        count -= 1
    return count


def _role(head: CapturedRequest, index: int) -> object:
    return head.body["messages"][index].get("role")


def _equal(left: Sequence[Any], right: Sequence[Any]) -> bool:
    return [block.data for block in left] == [block.data for block in right]


def _same_tier(side: Sequence[Any], other: Sequence[Any]) -> list[Any]:
    """The blocks of the tier in which the two part; the other tiers would be compared askew."""
    tiers = [run[0].tier for run in (side, other) if run]
    first = min(tiers, key=("tools", "system").index)
    return [block for block in side if block.tier == first]


def _cut(body: dict[str, Any], run: int) -> dict[str, Any]:
    """The request with only its first `run` blocks of tools and system, the last one marked."""
    view = as_messages(body)
    every = list(view.get("tools") or [])
    system = view.get("system") or []
    listed = [{"type": "text", "text": system}] if isinstance(system, str) else list(system)
    tools, listed = every[:run], listed[: max(0, run - len(every))]
    last = listed or tools
    if last:
        last[-1] = {**last[-1], "cache_control": {"type": "ephemeral"}}
    if is_converse(body):
        config = {**(body.get("toolConfig") or {}), "tools": unfold(tools)}
        return {**body, "toolConfig": config, "system": unfold(listed)}
    return {**body, "tools": tools, "system": listed}
