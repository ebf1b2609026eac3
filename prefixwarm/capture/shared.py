"""Finds what one agent's requests share: the longest common run of whole blocks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.lint.verdict import LOOKBACK
from prefixwarm.prefix.blocks import estimate, positions
from prefixwarm.prefix.difference import between_blocks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.capture.captured_request import CapturedRequest
    from prefixwarm.prefix.blocks import Block
    from prefixwarm.prefix.difference import Difference
    from prefixwarm.prefix.prompt import Prompt


@dataclass(frozen=True)
class Shared:
    """The part that all requests of one agent share.

    Attributes
    ----------
    prompt : Prompt
        The first request.
    end : int or None
        How many of its leading blocks all share; None if there is only one request to judge by.
    conversations : int
        The number of independent conversations compared.
    uncached : sequence of Block
        Further shared blocks that none of their breakpoints reads.
    divergence : Difference or None
        The difference that ends the shared run within tools and system.
    wasted : Block or None
        The first block after the divergence with a breakpoint.
    lost_tokens : int
        Estimated tokens of tools and system from the divergence on, which are not shared.
    """

    prompt: Prompt
    end: int | None
    conversations: int
    uncached: Sequence[Block] = ()
    divergence: Difference | None = None
    wasted: Block | None = None
    lost_tokens: int = 0


def find_shared(group: Sequence[CapturedRequest]) -> Shared:
    """Find the shared prefix of one agent's requests.

    With several conversations it is what all have in common; with one, it ends at its breakpoints,
    or after tools and system prompt.
    """
    first, *others = (request.prompt for request in conversations(group))
    if not others:
        return Shared(first, None, 1)
    count = 1 + len(others)
    run, static = first.shared_with(others), [_static(prompt) for prompt in (first, *others)]
    if all(len(blocks) == len(static[0]) <= run for blocks in static):
        return _in_messages([first, *others], run)
    run = min(run, *map(len, static))
    diverging = [side for side in static[1:] if len(side) > run < len(static[0])]
    diverging = [side for side in diverging if side[run].data != static[0][run].data]
    if not diverging:
        # Some requests merely have more blocks after it than others.
        return Shared(first, run, count)
    ours, theirs = static[0][run:], diverging[0][run:]
    wasted = next((block for block in ours if block.marked), None)
    divergence = between_blocks(_same_tier(ours, theirs), _same_tier(theirs, ours))
    lost = estimate(ours, first.model)
    return Shared(first, run, count, divergence=divergence, wasted=wasted, lost_tokens=lost)


def conversations(group: Sequence[CapturedRequest]) -> list[CapturedRequest]:
    """The first request of each conversation; later and repeated ones add no information."""
    first_requests: list[CapturedRequest] = []
    for request in group:
        if not any(_continues(request, first) for first in first_requests):
            first_requests.append(request)
    return first_requests


def _continues(request: CapturedRequest, first: CapturedRequest) -> bool:
    return first.prompt.shared_with([request.prompt]) == len(first.prompt.blocks)


def _static(prompt: Prompt) -> list[Block]:
    return [block for block in prompt.blocks if block.message is None]


def _in_messages(prompts: Sequence[Prompt], run: int) -> Shared:
    """The shared part when all of tools and system is shared: as far as breakpoints read it.

    The last block of each request is never shared. An agent without breakpoints needs one anyway,
    so everything shared counts.
    """
    first = prompts[0]
    static = len(_static(first))
    end = max(static, min(run, *(len(prompt.blocks) - 1 for prompt in prompts)))
    if end == static:
        return Shared(first, None, len(prompts))
    if all(_reads(prompt, end) for prompt in prompts):
        return Shared(first, end, len(prompts))
    marked = [i + 1 for i in first.breakpoints if static <= i < end]
    read = marked[-1] if marked else None
    return Shared(first, read, len(prompts), first.blocks[read or static : end])


def _reads(prompt: Prompt, end: int) -> bool:
    """Whether a breakpoint reads up to there; True if the request has no breakpoints."""
    automatic = [len(prompt.blocks) - 1] if prompt.body.get("cache_control") is not None else []
    marked = [*prompt.breakpoints, *automatic]
    at = positions(prompt.blocks)
    return not marked or any(0 <= at[i] - at[end - 1] < LOOKBACK for i in marked if i >= end - 1)


def _same_tier(side: Sequence[Block], other: Sequence[Block]) -> list[Block]:
    """The blocks of the tier in which the two differ; later tiers would not line up."""
    tiers = [run[0].tier for run in (side, other) if run]
    first = min(tiers, key=("tools", "system").index)
    return [block for block in side if block.tier == first]
