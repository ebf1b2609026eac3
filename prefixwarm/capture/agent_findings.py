"""Finds problems in an agent's requests, and what to change."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from prefixwarm.amounts import tokens
from prefixwarm.capture.framework_advice import framework_advice
from prefixwarm.fields.zero_output import zero_obstacles
from prefixwarm.lint.finding import finding
from prefixwarm.lint.verdict import judge
from prefixwarm.prefix.blocks import estimate
from prefixwarm.prefix.body import is_converse

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefixwarm.capture.captured_request import CapturedRequest
    from prefixwarm.capture.shared import Shared
    from prefixwarm.lint.finding import Finding
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.prefix.warm_request import WarmRequest


_MOVE = "move it after the prefix, into the first user message"
_PER_MESSAGES = ("tool_choice", "citations", "images")
_LEFT_OUT = {
    "run": "belongs to one run",
    "request": "belongs to one request",
    "output": "forces output, and affects only messages",
}
_ADVICE = {
    "key order": "build the tool's schema once, with its keys in one order",
    "added": "send the same blocks in every request",
    "removed": "send the same blocks in every request",
    "white space": "send the same text in every request",
}


_MARKING = ("no-breakpoint", "lookback-exceeded", "automatic-caching")
_RULES = {"key order": "key-order", "order of tools": "tool-order"}


def other_parameters(
    name: str, ours: CapturedRequest, theirs: CapturedRequest
) -> Iterator[Finding]:
    """Explain why one agent became two: the same prompt and model with different parameters."""
    left, right = ours.prompt, theirs.prompt
    sides = [[b.data for b in prompt.blocks if b.message is None] for prompt in (left, right)]
    if sides[0] != sides[1] or ours.route != theirs.route or left.model != right.model:
        return
    for one in left.differences(right):
        if one.place not in _PER_MESSAGES and not one.place.startswith("messages"):
            yield finding(
                "parameters-differ",
                one.place,
                f"{one.right!r} here and {one.left!r} of {name}, which sends the same prompt: the "
                "provider keeps an entry for each; send one of them, or keep both files",
            )
            return


def uncached(shared: Shared) -> Iterator[Finding]:
    """Find messages that all requests share but none reads from the cache."""
    if shared.uncached:
        count = estimate(shared.uncached, shared.prompt.model)
        yield finding(
            "uncached-messages",
            shared.uncached[-1].place,
            f"all requests share {tokens(count, estimated=True)} tokens of messages that none of "
            "their breakpoints reads: add one here",
        )


def changed(warm: WarmRequest) -> Iterator[Finding]:
    """List how the warm request differs from the agent's."""
    for place, why in warm.left_out.items():
        reason = _LEFT_OUT[why]
        yield finding("left-out", place, f"{reason}: left out of the warm call")
    if warm.output_tokens and not is_converse(warm.body):
        names = ", ".join(obstacle.place for obstacle in zero_obstacles(warm.body))
        yield finding(
            "asks-for-output",
            names,
            "does not allow max_tokens 0: the warm call asks for one token",
        )


def unread(prefix: PrefixFile, group: Sequence[CapturedRequest]) -> Iterator[Finding]:
    """Find what keeps any of the agent's requests from reading its prefix, each cause once."""
    seen = set()
    for request in group:
        for problem in judge(prefix, request.body, request.headers, answered=True).findings:
            if (problem.rule.id, problem.place) not in seen:
                seen.add((problem.rule.id, problem.place))
                advice = framework_advice(request.client) if problem.rule.id in _MARKING else ""
                yield replace(problem, message=f"{problem.message}{advice}")


def divergence(shared: Shared) -> Iterator[Finding]:
    """Find where the requests differ within tools or system."""
    parting = shared.divergence
    if parting is None:
        return
    advice = _ADVICE.get(parting.why, _MOVE)
    if parting.why == "order of tools":
        names = sorted(block.name or block.kind for block in shared.prompt.tier("tools"))
        advice = f"sort them: {', '.join(names)}"
    sides = f"{parting.left!r} and {parting.right!r}"
    rule = _RULES.get(parting.why, "divergence")
    yield finding(rule, parting.at, f"{parting.why}: {sides}; {advice}")
    if shared.wasted is not None:
        yield finding(
            "varying-breakpoint",
            shared.wasted.place,
            "what its breakpoint writes is never read again: put it on the last shared block",
        )
