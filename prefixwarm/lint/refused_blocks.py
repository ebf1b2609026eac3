"""Finds blocks and breakpoints that the provider refuses."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.fields.block_rules import calls_by_code, can_be_marked
from prefixwarm.fields.visits import unknown_fields

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.prefix.blocks import Block
    from prefixwarm.prefix.prompt import Prompt

UNKNOWN = "is unknown, and may or may not be part of the prompt; see what the first request reads"


def refused_blocks(prompt: Prompt) -> Iterator[tuple[str, str]]:
    """Yield places that the provider answers with 400, each with the reason.

    Notes
    -----
    https://platform.claude.com/docs/en/build-with-claude/prompt-caching, "What cannot be cached";
    https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-search-tool, "Errors".
    """
    by_code = calls_by_code(prompt.body.get("messages"))
    for block in prompt.every_block:
        if block.marked and can_be_marked(block.value, block.choice, by_code) == "no":
            yield block.place, f"{_reason(block)} cannot carry a breakpoint: remove it"
    tools = [block for block in prompt.every_block if block.tier == "tools"]
    if tools and not prompt.tier("tools"):
        yield tools[0].place, "all tools are deferred: at least one must not be"


def unknown_places(prompt: Prompt) -> list[str]:
    """The fields and blocks that are not in the table of fields."""
    return unknown_fields(prompt.body, prompt.shape)


def _reason(block: Block) -> str:
    if not block.rendered:
        return "what is deferred"
    if block.value.get("text") == "":
        return "an empty text"
    return f"this {block.kind}"
