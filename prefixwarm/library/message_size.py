"""The estimated size of messages, before any provider has counted them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

_BYTES_PER_TOKEN = 4
# https://platform.claude.com/docs/en/build-with-claude/vision: a full-size image is about this.
_MEDIA_TOKENS = 1600
_ENCODED = 1000


# The fields that hold the prompt, in any of the APIs.
_PROMPT = (
    *("tools", "system", "messages", "input", "instructions", "toolConfig", "functions"),
    *("contents", "system_instruction", "config", "response_format"),
)


def prompt_tokens(body: Mapping[str, Any]) -> int:
    """The estimated size of a request's prompt."""
    return message_tokens({name: body[name] for name in _PROMPT if name in body})


def message_tokens(message: Mapping[str, Any]) -> int:
    """The estimated size of one message; an image counts as an image, not by its bytes."""
    media = [0]
    text = json.dumps(_light(message, media), ensure_ascii=False, separators=(",", ":"))
    return len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN + media[0] * _MEDIA_TOKENS


def _light(value: Any, media: list[int]) -> Any:
    """A value without encoded media, which are counted."""
    if isinstance(value, Mapping):
        return {name: _light(inner, media) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_light(item, media) for item in value]
    encoded = isinstance(value, str) and len(value) > _ENCODED and not _has_space(value)
    if encoded or isinstance(value, bytes | bytearray):
        media[0] += 1
        return ""
    return value if isinstance(value, str | int | float | None) else str(value)


def _has_space(text: str) -> bool:
    """Whether it is a text rather than encoded bytes: these have no white space for long."""
    return any(character.isspace() for character in text[:_ENCODED]) or not text.isascii()
