"""Corrects a real request wherever there is one right answer."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.block_rules import calls_by_code, can_be_marked
from prefixwarm.fields.breakpoint_field import MARKER, ttl_of, unmarked
from prefixwarm.observe.breakpoint import with_breakpoint
from prefixwarm.prefix.body import with_blocks
from prefixwarm.prefix.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.prefix.blocks import Block
    from prefixwarm.prefix.prefix_file import PrefixFile


def fixed_request(
    body: Mapping[str, Any], prefix: PrefixFile
) -> tuple[Mapping[str, Any], list[str]]:
    """Correct a request so that it reads a prefix; return it and the rules applied.

    Puts the tools in the warmed order, removes breakpoints that the provider refuses, sets the
    warmed TTL on the others, and adds the breakpoint at the prefix's end. The agent's texts stay
    unchanged.

    Parameters
    ----------
    body : mapping
        A real request's body.
    prefix : PrefixFile
        The warmed prefix.
    """
    steps = {
        "tool-order": _in_order,
        "refused-shape": _without_refused,
        "ttl-differs": _with_ttl,
        "no-breakpoint": _with_breakpoint,
    }
    rules = []
    for rule, step in steps.items():
        changed = step(body, prefix)
        if changed is not None and changed != body:
            body = changed
            rules.append(rule)
    return body, rules


def _in_order(body: Mapping[str, Any], prefix: PrefixFile) -> Mapping[str, Any] | None:
    """The same tools in the warmed order, then any others."""
    tools = [b for b in Prompt(body, route=prefix.route).every_block if b.tier == "tools"]
    warmed = [block.data for block in Prompt.of_file(prefix).tier("tools")]
    sent = [block.data for block in tools if block.rendered]
    if sent[: len(warmed)] == warmed or Counter(warmed) - Counter(sent):
        return None
    left = list(tools)
    ordered = [_taken(left, data) for data in warmed] + left
    marker = next((b.value[MARKER] for b in reversed(tools) if b.marked), None)

    def change(_: list[Any]) -> list[Any]:
        values = [unmarked(block.value) for block in ordered]
        if marker is not None:
            values[len(warmed) - 1][MARKER] = marker
        return values

    return with_blocks(body, "tools", None, change)


def _taken(blocks: list[Block], data: bytes) -> Block:
    return blocks.pop(next(i for i, b in enumerate(blocks) if b.rendered and b.data == data))


def _without_refused(body: Mapping[str, Any], prefix: PrefixFile) -> Mapping[str, Any]:
    by_code = calls_by_code(body.get("messages"))
    for block in Prompt(body, route=prefix.route).every_block:
        if block.marked and can_be_marked(block.value, block.choice, by_code) == "no":
            body = _with(body, block, unmarked(block.value), prefix)
    return body


def _with_ttl(body: Mapping[str, Any], prefix: PrefixFile) -> Mapping[str, Any]:
    """Use one TTL everywhere, which the provider never refuses."""
    automatic = body.get(MARKER)
    if isinstance(automatic, dict) and ttl_of(automatic) != prefix.ttl:
        body = {**body, MARKER: {**automatic, "ttl": prefix.ttl}}
    for block in Prompt(body, route=prefix.route).every_block:
        marker = block.value.get(MARKER) if isinstance(block.value, dict) else None
        if isinstance(marker, dict) and ttl_of(marker) != prefix.ttl:
            value = {**block.value, MARKER: {**marker, "ttl": prefix.ttl}}
            body = _with(body, block, value, prefix)
    return body


def _with_breakpoint(body: Mapping[str, Any], prefix: PrefixFile) -> Mapping[str, Any] | None:
    begins = Prompt.of_file(prefix).missed_by(Prompt(body, route=prefix.route)) is None
    return with_breakpoint(body, prefix) if begins else None


def _with(
    body: Mapping[str, Any], block: Block, value: Any, prefix: PrefixFile
) -> Mapping[str, Any]:
    """The body with a block replaced."""
    blocks = Prompt(body, route=prefix.route).every_block
    siblings = [b.place for b in blocks if (b.tier, b.message) == (block.tier, block.message)]
    index = siblings.index(block.place)
    return with_blocks(
        body,
        block.tier,
        block.message,
        lambda values: [value if i == index else v for i, v in enumerate(values)],
    )
