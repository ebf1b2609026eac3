"""The simulated tokenizer: bytes of text, and a fixed size for media."""

from __future__ import annotations

from typing import Any

# https://platform.claude.com/docs/en/build-with-claude/vision: a full-size image is about this.
_MEDIA_TOKENS = 1_600
_MEDIA = ("image", "document")


def count(block: dict[str, Any], data: bytes, rate: tuple[int, int]) -> int:
    """Count a block's tokens: bytes of its text times the model's rate, rounded up.

    Parameters
    ----------
    block : dict
        The block.
    data : bytes
        Its JSON, which counts where the block is no text.
    rate : tuple of int
        Tokens per byte as numerator and denominator.
    """
    kind = block.get("type")
    if kind == "text":
        text = block["text"]
        size = len(text) if text.isascii() else len(text.encode())
    elif kind in _MEDIA and _encoded(block):
        return _MEDIA_TOKENS
    else:
        size = len(data)
    return -(-size * rate[0] // rate[1])


def _encoded(block: dict[str, Any]) -> bool:
    source = block.get("source")
    return not (isinstance(source, dict) and source.get("type") in ("text", "content"))
