"""Estimates the tokens of a block of a prompt, the same way for every caller.

Based on bytes, because no tokenizer is public. The provider's count or bill replaces the
estimate once there is one.
"""

from __future__ import annotations

from collections.abc import Mapping

from prefixwarm.fields.model_names import parse

# Tokens per byte, as numerator and denominator. Since Opus 4.7 the same text has about 30 %
# more tokens: https://platform.claude.com/docs/en/about-claude/pricing, read 2026-11-21.
_RATE, _NEW_RATE = (10, 40), (13, 40)
_NEW_TOKENIZER = (4, 7)
# https://platform.claude.com/docs/en/build-with-claude/vision: a full-size image is about this.
_MEDIA_TOKENS = 1_600
_MEDIA = ("image", "document")


def rate_of(generation: tuple[int, int]) -> tuple[int, int]:
    """Tokens per byte for a Claude generation, as numerator and denominator."""
    return _NEW_RATE if generation >= _NEW_TOKENIZER else _RATE


def rate_of_model(model: str) -> tuple[int, int]:
    """Tokens per byte for a model id, as numerator and denominator.

    An application inference profile does not reveal its model, so the larger rate applies and
    budgets hold. Another provider's model counts as an older one.
    """
    name = parse(model)
    if name is not None:
        return rate_of(name.generation)
    return _NEW_RATE if "application-inference-profile" in model else _RATE


def block_tokens(block: Mapping[str, object], data: bytes, rate: tuple[int, int]) -> int:
    """Estimate a block's tokens: bytes of its text times the model's rate, rounded up.

    Parameters
    ----------
    block : mapping
        The block.
    data : bytes
        Its JSON, used if the block is not text.
    rate : tuple of int
        Tokens per byte as numerator and denominator.
    """
    kind, text = block.get("type"), block.get("text")
    if kind in ("text", None) and isinstance(text, str):
        size = len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    elif kind in _MEDIA and _encoded(block):
        return _MEDIA_TOKENS
    else:
        size = len(data)
    return -(-size * rate[0] // rate[1])


def _encoded(block: Mapping[str, object]) -> bool:
    source = block.get("source")
    return not (isinstance(source, Mapping) and source.get("type") in ("text", "content"))
