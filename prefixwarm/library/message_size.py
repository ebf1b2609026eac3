"""Estimates the size of any API's prompt, with the shared token estimate."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.token_estimate import block_tokens, rate_of_model

if TYPE_CHECKING:
    from collections.abc import Iterator

    Rate = tuple[int, int]

# The fields that hold the prompt in any API.
_PROMPT = (
    *("tools", "system", "messages", "input", "instructions", "toolConfig", "functions"),
    *("contents", "system_instruction", "config", "response_format"),
)
# Fields with encoded images and files, and the length above which a value is not a URL.
_MEDIA = ("data", "bytes", "url", "image_url", "file_data")
_ENCODED = 1000


def prompt_tokens(body: Mapping[str, Any], model: str) -> int:
    """Estimate the tokens of a request's prompt for a model.

    Parameters
    ----------
    body
        The request's body, or the arguments it is made from.
    model
        The model's id.
    """
    rate = rate_of_model(model)
    return sum(
        _tokens(block, rate)
        for name in _PROMPT
        if name in body
        for item in (body[name] if isinstance(body[name], list) else [body[name]])
        for block in _blocks(item)
    )


def message_tokens(message: Mapping[str, Any], model: str) -> int:
    """Estimate the tokens of one message; an image counts as an image, not by its bytes."""
    rate = rate_of_model(model)
    return sum(_tokens(block, rate) for block in _blocks(message))


def _blocks(item: Any) -> Iterator[Any]:
    """A message's blocks, plus its other fields as one more block."""
    if not isinstance(item, Mapping) or "content" not in item:
        yield {"type": "text", "text": item} if isinstance(item, str) else item
        return
    content = item["content"]
    for block in content if isinstance(content, list) else [content]:
        yield {"type": "text", "text": block} if isinstance(block, str) else block
    beside = {name: value for name, value in item.items() if name not in ("role", "content")}
    if beside:
        yield beside


def _tokens(block: Any, rate: Rate) -> int:
    media = [0]
    light = _light(block, media)
    text = json.dumps(light, ensure_ascii=False, separators=(",", ":"))
    data = text.encode("utf-8", "surrogatepass")
    alone = light if isinstance(light, dict) and not media[0] else {}
    return block_tokens(alone, data, rate) + media[0] * block_tokens({"type": "image"}, b"", rate)


def _light(value: Any, media: list[int], name: str = "") -> Any:
    """A value without encoded media, which are counted separately."""
    if isinstance(value, Mapping):
        return {str(key): _light(inner, media, str(key)) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_light(item, media) for item in value]
    encoded = isinstance(value, str) and name in _MEDIA and len(value) > _ENCODED
    if encoded or isinstance(value, bytes | bytearray):
        media[0] += 1
        return ""
    return value if isinstance(value, str | int | float | None) else str(value)
