"""Questions about the cache key: which change makes an identical prompt another entry."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.provider.routes import CONVERSE, route_named
from prefixwarm.verify.provider_questions.prompts import (
    block,
    cached_prompt,
    converse_body,
    copied,
    text,
    tokens_needed,
    tool,
)
from prefixwarm.verify.provider_questions.provider_caller import Answer, Call, UnansweredError
from prefixwarm.verify.provider_questions.question import Conclusion, Question

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from prefixwarm.verify.provider_questions.provider_caller import Caller
    from prefixwarm.verify.provider_questions.question import Steps

# Betas of what needs none any more: https://platform.claude.com/docs/en/api/beta-headers
_HARMLESS_BETAS = ("prompt-caching-2024-07-31", "extended-cache-ttl-2025-04-11")
# Of a prompt in three tiers, by tokens: tools a fifth, system and messages two fifths each.
_TOOLS_END, _SYSTEM_END = 0.45, 0.85
_TIERS = {"all": "everything", "system": "system prompt and messages", "messages": "messages"}


def _compared(
    caller: Caller, first: Call, changes: Sequence[Call]
) -> Generator[float, None, tuple[Answer, Answer]]:
    """Write, read the same again, then send the first change that is not refused.

    Returns
    -------
    tuple of Answer
        The identical read and the changed one.

    Raises
    ------
    UnansweredError
        They say nothing.
    """
    caller.accepted(first)
    yield caller.pause
    same = caller.send(first)
    if not same.read:
        raise UnansweredError("an identical request read nothing either, so a change says nothing")
    answer = same
    for change in changes:
        yield caller.pause
        answer = caller.send(change)
        if not answer.refused:
            return same, answer
    raise UnansweredError(answer.refused or "nothing could be changed")


def _in_key(what: str, caller: Caller, first: Call, changes: Sequence[Call]) -> Steps:
    _, changed = yield from _compared(caller, first, changes)
    if changed.read:
        return Conclusion(f"another {what} read the same entry", False)
    return Conclusion(f"another {what} read nothing", True)


def _key_beta(caller: Caller) -> Steps:
    body = cached_prompt(caller)
    changes = [Call(body, betas=(beta,)) for beta in _HARMLESS_BETAS]
    return (yield from _in_key("set of betas", caller, Call(body), changes))


def _key_geo(caller: Caller) -> Steps:
    body = cached_prompt(caller)
    changed = copied(body, inference_geo="us")
    return (yield from _in_key("inference_geo", caller, Call(body), [Call(changed)]))


def _key_version(caller: Caller) -> Steps:
    body = cached_prompt(caller)
    older, newer = route_named(caller.route).versions
    first, change = Call(body, version=older), Call(body, version=newer)
    return (yield from _in_key("anthropic-version", caller, first, [change]))


def _scope(caller: Caller) -> Steps:
    body = cached_prompt(caller)
    _, other = yield from _compared(caller, Call(body), [Call(body, second=True)])
    if other.read:
        return Conclusion("another workspace read the entry", "organization")
    return Conclusion("another workspace read nothing", "workspace")


def _share_converse(caller: Caller) -> Steps:
    body = cached_prompt(caller)
    change = Call(converse_body(body), route=CONVERSE)
    _, by_converse = yield from _compared(caller, Call(body), [change])
    if by_converse.read:
        return Conclusion("Converse read what InvokeModel wrote", True)
    return Conclusion("Converse read nothing of what InvokeModel wrote", False)


def _thinking_tier(caller: Caller) -> Steps:
    """By effort, and by whether the model thinks: one switch stands for both."""
    by_effort = yield from _tier_of(caller, _efforts(), "effort")
    by_thinking = yield from _tier_of(caller, _thinking(), "thinking")
    settled = [one for one in (by_effort, by_thinking) if one.value is not None]
    values = {one.value for one in settled}
    did = "; ".join(dict.fromkeys(one.did for one in (by_effort, by_thinking)))
    return Conclusion(did, values.pop() if len(values) == 1 else None)


def _efforts() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    low, high = ({"output_config": {"effort": effort}} for effort in ("low", "high"))
    return [(low, high)]


def _thinking() -> list[tuple[dict[str, Any], dict[str, Any]]]:
    off = {"thinking": {"type": "disabled"}}
    budget = {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 1100}
    return [(off, {"thinking": {"type": "adaptive"}}), (off, budget)]


def _tier_of(
    caller: Caller, pairs: Sequence[tuple[dict[str, Any], dict[str, Any]]], what: str
) -> Steps:
    body = _three_tiers(caller)
    first = Call(copied(body, **pairs[0][0]))
    changes = [Call(copied(body, **change)) for _, change in pairs]
    try:
        same, changed = yield from _compared(caller, first, changes)
    except UnansweredError as error:
        return Conclusion(f"{what}: {error}")
    share = changed.read / same.read
    if share >= _SYSTEM_END:
        return Conclusion(f"{what} changes no tier: everything was read")
    tier = "all" if not share else "system" if share < _TOOLS_END else "messages"
    return Conclusion(f"{what} changes {_TIERS[tier]}", tier)


def _three_tiers(caller: Caller) -> dict[str, Any]:
    size = tokens_needed(caller)
    message = block(text(caller, 2 * size))
    return {
        "max_tokens": 1,
        "tools": [tool(text(caller, size), marked=True)],
        "system": [block(text(caller, 2 * size))],
        "messages": [
            {"role": "user", "content": [message, block("Say ok.", marked=False)]},
        ],
    }


QUESTIONS = (
    Question(
        "key_beta",
        "Is the beta set in the key?",
        _key_beta,
        routes=("anthropic", "aws", "bedrock"),
    ),
    Question("key_geo", "Is inference_geo in the key?", _key_geo, routes=("anthropic", "aws")),
    Question("key_version", "Is anthropic-version in the key?", _key_version),
    Question("thinking_tier", "Which tiers do thinking and effort change?", _thinking_tier),
    Question(
        "scope",
        "Do workspaces share entries?",
        _scope,
        routes=("anthropic", "aws"),
        needs_second=True,
    ),
    Question(
        "share_converse",
        "Does Converse read InvokeModel's entries?",
        _share_converse,
        routes=("bedrock",),
    ),
)
