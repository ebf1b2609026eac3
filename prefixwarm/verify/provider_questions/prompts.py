"""Prompts that nobody has cached: each begins with a random number, and is long enough."""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any

from prefixwarm.fields.token_estimate import rate_of_model
from prefixwarm.prices.minimums import minimum_tokens

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.verify.provider_questions.provider_caller import Caller

Json = dict[str, Any]

_UNKNOWN_MINIMUM = 4096
# An estimate is off by a fifth at most; what is too short is not cached, without an error.
_MARGIN = 1.5
_SCHEMA = {"type": "object", "properties": {"number": {"type": "integer"}}}


def tokens_needed(caller: Caller) -> int:
    """Tokens of a text that is cached for sure, as they are estimated here."""
    minimum = minimum_tokens(caller.model, caller.route) or _UNKNOWN_MINIMUM
    return int(minimum * _MARGIN)


def text(caller: Caller, tokens: int) -> str:
    """A text of about so many tokens that is like no other."""
    numerator, denominator = rate_of_model(caller.model)
    lines = [f"Stock list {secrets.token_hex(12)}."]
    left = tokens * denominator // numerator - len(lines[0])
    while left > 0:
        number = len(lines)
        lines.append(f"Shelf {number} holds {number * 37 % 101} boxes of part {number * 7919}.")
        left -= len(lines[-1]) + 1
    return "\n".join(lines)


def marker(ttl: str | None = None) -> Json:
    """A breakpoint, of five minutes where nothing else is said."""
    return {"type": "ephemeral", **({"ttl": ttl} if ttl else {})}


def block(content: str, ttl: str | None = None, *, marked: bool = True) -> Json:
    """A block of text, with a breakpoint unless `marked` is off."""
    cached = {"cache_control": marker(ttl)} if marked else {}
    return {"type": "text", "text": content, **cached}


def prompt(system: list[Json], *, question: str = "Say ok.", **more: Any) -> Json:
    """A body of the Messages API without the model: one token of output, one short question."""
    return {
        "max_tokens": 1,
        "system": system,
        "messages": [{"role": "user", "content": question}],
        **more,
    }


def cached_prompt(caller: Caller, ttl: str | None = None, **more: Any) -> Json:
    """A body whose system prompt is new and cached."""
    return prompt([block(text(caller, tokens_needed(caller)), ttl)], **more)


def tool(description: str, *, marked: bool = False) -> Json:
    """A tool with this description."""
    cached = {"cache_control": marker()} if marked else {}
    return {
        "name": "look_up_shelf",
        "description": description,
        "input_schema": _SCHEMA,
        **cached,
    }


def converse_body(body: Mapping[str, Any]) -> Json:
    """The same prompt for Bedrock's Converse: system blocks with a cache point behind."""
    texts = [{"text": entry["text"]} for entry in body["system"]]
    (message,) = body["messages"]
    return {
        "system": [*texts, {"cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"text": message["content"]}]}],
        "inferenceConfig": {"maxTokens": body["max_tokens"]},
    }


def copied(body: Mapping[str, Any], **changes: Any) -> Json:
    """The same body with some fields changed."""
    copy: Json = json.loads(json.dumps(body))
    return {**copy, **changes}
