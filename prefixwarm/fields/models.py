"""Which request fields each model accepts: the rules that `check` and the simulator share.

From https://platform.claude.com/docs/en/build-with-claude/thinking and
https://platform.claude.com/docs/en/api/versioning (2026-08 to 2026-11).
"""

from __future__ import annotations

SAMPLING = ("temperature", "top_p", "top_k")
# The API version that refuses these.
NEWEST_VERSION = "2026-10-21"

_ADAPTIVE = (4, 6)
_ALWAYS_THINK = ("claude-opus-5-5", "claude-sonnet-5-5")
_ALWAYS_THINKING_FAMILIES = ("fable", "mythos")


def always_thinks(model: str) -> bool:
    """Whether a model, by its undated id, refuses ``thinking.type`` of ``disabled``."""
    return model in _ALWAYS_THINK or any(family in model for family in _ALWAYS_THINKING_FAMILIES)


def takes_adaptive(generation: tuple[int, int]) -> bool:
    """Whether models of a generation accept ``thinking.type`` of ``adaptive``.

    Models without a generation in their name, ``(0, 0)``, do.
    """
    return generation == (0, 0) or generation >= _ADAPTIVE
