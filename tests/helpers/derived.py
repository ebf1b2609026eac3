"""The warm request of a real one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.prefix.prompt import Prompt

if TYPE_CHECKING:
    from collections.abc import Mapping


def derive(
    request: Mapping[str, Any], *, ttl: str = "1h", shared_messages: int = 0
) -> dict[str, Any]:
    """The warm request of what precedes the messages, and of the first messages if shared."""
    prompt, end = Prompt(request), None
    if shared_messages:
        numbers = [-1 if block.message is None else block.message for block in prompt.blocks]
        end = sum(number < shared_messages for number in numbers)
    return prompt.warm_request(end, ttl).body
