"""Lists the tools that blocks of a conversation refer to by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

Json = dict[str, Any]

_REFERENCE = "tool_reference"


def referenced(block: Json) -> Iterator[str]:
    """Yield the names of the tools that a message block refers to.

    Notes
    -----
    https://platform.claude.com/docs/en/agents-and-tools/tool-use/tool-search-tool and
    .../build-with-claude/mid-conversation-system-messages#mid-conversation-tool-changes.
    """
    tool = block.get("tool")
    if isinstance(tool, dict) and tool.get("type") == _REFERENCE:
        yield str(tool.get("name"))
    yield from _results(block)


def loaded(block: Json) -> Iterator[str]:
    """Yield the names of tools whose definitions a block brings into the prompt."""
    if block.get("type") != "tool_removal":
        yield from referenced(block)


def _results(block: Json) -> Iterator[str]:
    inner = block.get("content")
    if isinstance(inner, dict):
        inner = inner.get("tool_references")
    for item in inner if isinstance(inner, list) else ():
        if isinstance(item, dict) and item.get("type") == _REFERENCE:
            yield str(item.get("tool_name"))
