"""Adds a breakpoint that reads a warmed prefix to a request without one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.fields.block_rules import calls_by_code, can_be_marked
from prefixwarm.fields.breakpoint_field import ttl_of
from prefixwarm.fields.visits import visit
from prefixwarm.prefix.body import MAX_BREAKPOINTS, with_blocks
from prefixwarm.prefix.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.fields.visits import Visit
    from prefixwarm.prefix.blocks import Block
    from prefixwarm.prefix.file_form import PrefixFile


def with_breakpoint(body: Mapping[str, Any], prefix: PrefixFile) -> dict[str, Any] | None:
    """Return the request with a breakpoint on the prefix's last block.

    Parameters
    ----------
    body : mapping
        A request that begins with the prefix; not modified.
    prefix : PrefixFile
        The warmed prefix.

    Returns
    -------
    dict or None
        None if the request already has one there, cannot have more, or the provider may not accept
        it.
    """
    prompt = Prompt(body, route=prefix.route)
    last = prompt.blocks[len(Prompt.of_file(prefix).blocks) - 1]
    ttl = _ttl(prompt, prefix.ttl)
    by_code = calls_by_code(body.get("messages"))
    if ttl is None or last.marked or can_be_marked(last.value, last.choice, by_code) != "yes":
        return None
    return _marked(body, last, prompt, {"type": "ephemeral", "ttl": ttl})


def _marked(
    body: Mapping[str, Any], last: Block, prompt: Prompt, marker: dict[str, str]
) -> dict[str, Any]:
    """The body with one more breakpoint, in the body's own form."""
    siblings = [b for b in prompt.every_block if (b.tier, b.message) == (last.tier, last.message)]
    index = next(i for i, block in enumerate(siblings) if block is last)

    def change(blocks: list[Any]) -> list[Any]:
        return [{**b, "cache_control": marker} if i == index else b for i, b in enumerate(blocks)]

    return with_blocks(body, last.tier, last.message, change)


def _ttl(prompt: Prompt, wanted: str) -> str | None:
    """The TTL for one more breakpoint; None if the request cannot have more.

    The provider never refuses equal TTLs, so all breakpoints must have the same one. Breakpoints
    inside a block count too, because the provider may count them.
    """
    spots = visit(prompt.body, prompt.shape)
    markers = [spot.value for spot in spots if _is_marker(spot)]
    chosen = ttl_of(markers[0]) if markers else wanted
    mixed = any(ttl_of(marker) != chosen for marker in markers)
    return None if mixed or len(markers) >= MAX_BREAKPOINTS else chosen


def _is_marker(spot: Visit) -> bool:
    row = spot.row
    return (
        row is not None
        and row.holds in ("cache_control", "CachePointBlock")
        and row.name != "caching"
        and isinstance(spot.value, dict)
    )
