"""Questions that one reply answers: what is refused, granted, cached and reported."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.verify.provider_questions.prompts import (
    block,
    cached_prompt,
    prompt,
    text,
    tokens_needed,
    tool,
)
from prefixwarm.verify.provider_questions.provider_caller import Answer, Call
from prefixwarm.verify.provider_questions.question import Conclusion, Question, at_once

if TYPE_CHECKING:
    from prefixwarm.verify.provider_questions.provider_caller import Caller

# A model may think before it calls.
_TOOL_TOKENS = 1024


def _ignore_markers(caller: Caller) -> Conclusion:
    answer = caller.accepted(Call(cached_prompt(caller)))
    # Read by nobody else: where it was read, a first attempt got lost on its way back.
    if tokens := answer.written or answer.read:
        return Conclusion(f"wrote {tokens:,} tokens at a breakpoint", False)
    return Conclusion("HTTP 200, and nothing was cached", True)


def _refuse_zero(caller: Caller) -> Conclusion:
    answer = caller.send(Call(cached_prompt(caller, max_tokens=0)))
    if answer.status == 400:
        return Conclusion(f"max_tokens 0 is refused: {answer.message}", True)
    if answer.refused:
        return Conclusion(answer.refused)
    return Conclusion("max_tokens 0 is taken", False)


def _downgrade_1h(caller: Caller) -> Conclusion:
    answer = caller.accepted(Call(cached_prompt(caller, "1h")))
    if not isinstance(answer.usage.get("cache_creation"), dict) or not answer.written:
        return Conclusion("the reply does not say which TTL was granted")
    if answer.counts.write_1h:
        return Conclusion(f"wrote {answer.counts.write_1h:,} tokens for an hour", False)
    return Conclusion("took 1h, and wrote for five minutes", True)


def _iterations(caller: Caller) -> Conclusion:
    reported = _plain(caller).usage.get("iterations") is not None
    return Conclusion(f"usage.iterations is {'there' if reported else 'not there'}", reported)


def _legacy_usage(caller: Caller) -> Conclusion:
    usage = _plain(caller).usage
    if "cache_creation" not in usage:
        return Conclusion("usage.cache_creation is missing", "missing")
    if usage["cache_creation"] is None:
        return Conclusion("usage.cache_creation is null", "null")
    return Conclusion("usage.cache_creation is there", "off")


def _inner_markers(caller: Caller) -> Conclusion:
    inner = block(text(caller, tokens_needed(caller)))
    answer = caller.send(Call(_tool_result([inner])))
    if answer.status == 400:
        return Conclusion(f"a breakpoint inside a tool result: {answer.message}", "refused")
    if answer.refused:
        return Conclusion(answer.refused)
    cached = "and cached" if answer.written else "but nothing is cached"
    return Conclusion(f"a breakpoint inside a tool result is taken, {cached}", "outer")


def _call_tools(caller: Caller) -> Conclusion:
    question = "How many boxes are on shelf 7? Look it up."
    description = "Looks up how many boxes a shelf of the store holds."
    system = [block("You answer questions about a store.", marked=False)]
    body = prompt(system, question=question, tools=[tool(description)], max_tokens=_TOOL_TOKENS)
    answer = caller.accepted(Call(body))
    content = answer.body.get("content")
    kinds = [entry.get("type") for entry in content] if isinstance(content, list) else []
    if "tool_use" in kinds:
        return Conclusion("the model calls the tool that it needs", True)
    if answer.body.get("stop_reason") == "max_tokens":
        return Conclusion("the reply was cut before a tool was called")
    return Conclusion("the model answers without a call", False)


def _plain(caller: Caller) -> Answer:
    system = [block("You are brief.", marked=False)]
    return caller.accepted(Call(prompt(system)))


def _tool_result(content: list[dict[str, Any]]) -> dict[str, Any]:
    use = {"type": "tool_use", "id": "toolu_01", "name": "look_up_shelf", "input": {"number": 7}}
    result = {"type": "tool_result", "tool_use_id": "toolu_01", "content": content}
    body = prompt([block("You are brief.", marked=False)], tools=[tool("Looks a shelf up.")])
    turns = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    return {**body, "messages": [*body["messages"], *turns]}


QUESTIONS = (
    Question(
        "ignore_markers",
        "Does a breakpoint cache anything?",
        at_once(_ignore_markers),
        stage=0,
        needs_cache=False,
    ),
    Question("refuse_zero", "Is max_tokens 0 taken?", at_once(_refuse_zero), needs_cache=False),
    Question("downgrade_1h", "Is an hour granted?", at_once(_downgrade_1h)),
    Question(
        "iterations", "Is usage.iterations reported?", at_once(_iterations), needs_cache=False
    ),
    Question(
        "legacy_usage",
        "Are writes reported by their TTL?",
        at_once(_legacy_usage),
        needs_cache=False,
    ),
    Question(
        "inner_markers",
        "May a breakpoint stand inside a tool result?",
        at_once(_inner_markers),
        needs_cache=False,
    ),
    Question(
        "call_tools", "Does a model with tools call one?", at_once(_call_tools), needs_cache=False
    ),
)
