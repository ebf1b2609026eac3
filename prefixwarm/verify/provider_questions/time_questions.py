"""Questions about an entry's life: when it can be read, when it ends, what refreshes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.life import TTL_SECONDS
from prefixwarm.verify.provider_questions.prompts import (
    block,
    cached_prompt,
    copied,
    text,
    tokens_needed,
)
from prefixwarm.verify.provider_questions.provider_caller import Call
from prefixwarm.verify.provider_questions.question import Conclusion, Question

if TYPE_CHECKING:
    from prefixwarm.verify.provider_questions.provider_caller import Caller
    from prefixwarm.verify.provider_questions.question import Steps

_TTL = float(TTL_SECONDS["5m"])
_SETTLE = (0.0, 0.5, 1.0, 2.0, 4.0, 8.0)
_LINGER = (5.0, 20.0, 60.0, 120.0)
# After the longest life that `linger` would see, before a refreshed entry ends.
_SURELY_OVER = _TTL + 130.0
_REFRESH_AT = 150.0


def _settle(caller: Caller) -> Steps:
    missed: float | None = None
    for delay in _SETTLE:
        call = Call(cached_prompt(caller))
        written = caller.accepted(call)
        yield delay
        after = caller.clock.now() - written.ended
        if caller.send(call).read:
            did = f"read {after:.1f} s after the reply that wrote it"
            did += "" if missed is None else f", not yet {missed:.1f} s after it"
            return Conclusion(did, 0.0 if missed is None else round(after, 1))
        missed = after
    return Conclusion(f"not readable {missed or 0:.1f} s after the reply that wrote it")


def _linger(caller: Caller) -> Steps:
    calls = [(over, Call(cached_prompt(caller))) for over in _LINGER]
    entries = [(over, call, caller.send(call)) for over, call in calls]
    lived, ended = 0.0, None
    for over, call, written in entries:
        if written.refused:
            return Conclusion(written.refused)
        yield max(0.0, written.started + _TTL + over - caller.clock.now())
        after = caller.clock.now() - written.started - _TTL
        if not caller.send(call).read:
            ended = after
            break
        lived = after
    end = "" if ended is None else f"gone {ended:.0f} s after it"
    life = f"read {lived:.0f} s after its TTL" if lived else ""
    return Conclusion(", ".join(filter(None, (life, end))), float(round(lived)))


def _ttl_upgrade(caller: Caller) -> Steps:
    body = cached_prompt(caller)
    longer = copied(body)
    longer["system"][-1]["cache_control"]["ttl"] = "1h"
    caller.accepted(Call(body))
    yield caller.pause
    read = caller.send(Call(longer))
    if not read.read:
        return Conclusion(read.refused or "a marker of an hour read nothing of five minutes")
    yield max(0.0, read.started + _SURELY_OVER - caller.clock.now())
    if caller.send(Call(body)).read:
        return Conclusion("a read through a marker of an hour made the entry live longer", True)
    return Conclusion("an entry keeps its TTL when a longer marker reads it", False)


def _refresh_nested(caller: Caller) -> Steps:
    inner, outer = _nested(caller)
    written = caller.accepted(Call(outer))
    yield max(0.0, written.started + _REFRESH_AT - caller.clock.now())
    if not caller.send(Call(outer)).read:
        return Conclusion("an identical request read nothing either")
    yield max(0.0, written.started + _SURELY_OVER - caller.clock.now())
    if caller.send(Call(inner)).read:
        return Conclusion("a hit refreshed the marked entry below it, too", True)
    return Conclusion("a hit refreshed the entry that it hit, and none below it", False)


def _nested(caller: Caller) -> tuple[dict[str, Any], dict[str, Any]]:
    """A prompt with a breakpoint after the system prompt, and one with another behind."""
    inner = cached_prompt(caller)
    message = block(text(caller, tokens_needed(caller)))
    content = [message, block("Say ok.", marked=False)]
    return inner, copied(inner, messages=[{"role": "user", "content": content}])


QUESTIONS = (
    Question("settle", "How soon can an entry be read?", _settle, stage=1),
    Question("linger", "Does an entry outlive its TTL?", _linger, is_slow=True),
    Question("ttl_upgrade", "Does a longer marker prolong an entry?", _ttl_upgrade, is_slow=True),
    Question("refresh_nested", "Does a hit refresh entries below?", _refresh_nested, is_slow=True),
)
