"""The field that holds a breakpoint, in either form of block."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

MARKER = "cache_control"


def ttl_of(marker: object) -> str:
    """Return the TTL that a breakpoint asks for: ``5m`` if it names none."""
    return str(marker.get("ttl") or "5m") if isinstance(marker, dict) else "5m"


def unmarked(block: Mapping[str, Any]) -> dict[str, Any]:
    """Return a block without its own breakpoint."""
    return {name: value for name, value in block.items() if name != MARKER}
