"""Answers cache diagnostics: which tier of a request differs from an earlier request.

Source: https://platform.claude.com/docs/en/build-with-claude/cache-diagnostics
"""

from __future__ import annotations

from collections import OrderedDict
from hashlib import sha256
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from prefixwarm.simulator.prompt_blocks import MESSAGES, SYSTEM, TOOLS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.simulator.cache import CacheEffect
    from prefixwarm.simulator.call import Call
    from prefixwarm.simulator.prompt_blocks import Block


_MOST = 10_000
_OTHER = ("tool_choice", "thinking", "context_management", "output_config")

Json = dict[str, Any]


class _Fingerprint(NamedTuple):
    model: tuple[str, str]
    tools: bytes
    system: bytes
    messages: tuple[int, bytes]
    other: bytes
    cached: int


class Diagnoses:
    """Fingerprints of the requests that opted in, by organization, workspace and message id."""

    def __init__(self) -> None:
        self._fingerprints: OrderedDict[tuple[str, str, str], _Fingerprint] = OrderedDict()

    def clear(self) -> None:
        """Remove every fingerprint."""
        self._fingerprints.clear()

    def note(
        self, call: Call, blocks: Sequence[Block], effect: CacheEffect, message_id: str
    ) -> Json | None:
        """Compare a request with the one it names, and store it under its message id.

        Returns
        -------
        dict or None
            The reply's ``diagnostics``: None if the request did not ask or nothing differs.
        """
        options = call.body.get("diagnostics")
        if options is None:
            return None
        own = _fingerprint(call, blocks, effect)
        whose = call.context.principal
        self._fingerprints[whose.organization, whose.workspace, message_id] = own
        while len(self._fingerprints) > _MOST:
            self._fingerprints.popitem(last=False)
        previous = options.get("previous_message_id")
        if previous is None:
            return None
        earlier = self._fingerprints.get((whose.organization, whose.workspace, previous))
        reason = _reason(own, earlier, blocks, effect)
        return {"cache_miss_reason": reason} if reason else None


def _fingerprint(call: Call, blocks: Sequence[Block], effect: CacheEffect) -> _Fingerprint:
    tiers = [[block.data for block in blocks if block.tier == t] for t in (TOOLS, SYSTEM, MESSAGES)]
    other = {name: call.body.get(name) for name in _OTHER}
    return _Fingerprint(
        (call.model.id, call.body.get("speed") or "standard"),
        _digest(tiers[TOOLS]),
        _digest(tiers[SYSTEM]),
        (len(tiers[MESSAGES]), _digest(tiers[MESSAGES])),
        orjson.dumps([other, call.context.betas]),
        effect.read + effect.write_5m + effect.write_1h,
    )


def _reason(
    own: _Fingerprint, earlier: _Fingerprint | None, blocks: Sequence[Block], effect: CacheEffect
) -> Json | None:
    if earlier is None:
        return {"type": "previous_message_not_found"}
    missed = max(0, earlier.cached - effect.read)
    for name in ("model", "tools", "system"):
        if getattr(own, name) != getattr(earlier, name):
            return {"type": f"{name}_changed", "cache_missed_input_tokens": missed}
    length, digest = earlier.messages
    leading = [block.data for block in blocks if block.tier == MESSAGES][:length]
    if len(leading) < length or _digest(leading) != digest:
        return {"type": "messages_changed", "cache_missed_input_tokens": missed}
    return {"type": "unavailable"} if own.other != earlier.other else None


def _digest(blocks: list[bytes]) -> bytes:
    running = sha256()
    for block in blocks:
        running.update(b"%d:" % len(block) + block)
    return running.digest()
