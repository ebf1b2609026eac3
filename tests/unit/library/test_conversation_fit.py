"""A conversation is shortened behind its prefix only, and stays one that the provider takes."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from prefixwarm import Prefix, fit
from prefixwarm.errors import DoesNotFitError, UsageError
from prefixwarm.library.message_size import message_tokens, prompt_tokens
from prefixwarm.prefix.prompt import Prompt
from prefixwarm.prefix.warm_request import PLACEHOLDER
from prefixwarm.simulator import refusal
from tests.helpers.effort import EXAMPLES
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from prefixwarm.library.conversation_fit import Fitted

MODEL = "claude-sonnet-5-5"
TOOL = {"name": "find", "description": "Finds.", "input_schema": {"type": "object"}}
PREFIX = Prefix("support", model=MODEL, system="Be kind. " * 100, tools=[TOOL])
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"}


def words(count: int) -> str:
    return "word " * count


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def assistant(text: str) -> dict[str, Any]:
    return {"role": "assistant", "content": [THOUGHT, {"type": "text", "text": text}]}


def calls(*ids: str, size: int = 0) -> list[dict[str, Any]]:
    """An assistant's message with parallel calls, and the results of all of them."""
    uses = [{"type": "tool_use", "id": one, "name": "find", "input": {}} for one in ids]
    results = [
        {"type": "tool_result", "tool_use_id": one, "content": words(size + 1)} for one in ids
    ]
    return [
        {"role": "assistant", "content": [THOUGHT, *uses]},
        {"role": "user", "content": results},
    ]


def check(messages: list[dict[str, Any]], original: list[dict[str, Any]]) -> None:
    """What is left is of the original, in order, and the provider takes it."""
    left = iter(original)
    assert all(any(message == one for one in left) for message in messages)
    assert messages[0]["role"] == "user"
    assert not any(block["type"] == "tool_result" for block in listed(messages[0]))
    roles = [message["role"] for message in messages]
    assert all(a != b for a, b in pairwise(roles))
    uses = {b["id"] for m in messages for b in listed(m) if b["type"] == "tool_use"}
    results = {b["tool_use_id"] for m in messages for b in listed(m) if b["type"] == "tool_result"}
    assert results == uses or messages[-1]["role"] == "assistant"
    if messages[-1]["role"] == "user":
        assert refusal(PREFIX.request(messages)) is None


def listed(message: dict[str, Any]) -> list[dict[str, Any]]:
    content = message["content"]
    return content if isinstance(content, list) else []


def test_what_fits_stays_as_it_is() -> None:
    messages = [user("Hi"), assistant("Hello"), user("Where is it?")]
    fitted = fit(messages, PREFIX, 100_000)
    assert (fitted.messages, fitted.dropped) == (messages, [])


def test_the_oldest_turns_go_first() -> None:
    messages = [
        user(words(100)),
        assistant(words(100)),
        user(words(100)),
        assistant("Yes."),
        user("And?"),
    ]
    fitted = fit(messages, None, 300)
    assert fitted.messages == messages[2:]
    (dropped,) = fitted.dropped
    assert (dropped.first, dropped.last, dropped.what, dropped.tools) == (0, 1, "turn", ())
    assert fitted.tokens <= 300
    assert dropped.tokens == message_tokens(messages[0], "") + message_tokens(messages[1], "")


def test_an_agents_loop_keeps_its_question_and_its_last_calls() -> None:
    """One turn with many rounds: whole rounds go, parallel calls together."""
    loop = [message for i in range(20) for message in calls(f"a{i}", f"b{i}", size=50)]
    messages = [user("Find all orders."), *loop]
    fitted = fit(messages, PREFIX, 2000)
    check(fitted.messages, messages)
    assert fitted.messages[0] == messages[0]
    assert fitted.messages[-2:] == messages[-2:]
    assert {one.what for one in fitted.dropped} == {"tool calls"}
    assert fitted.dropped[0].tools == ("find",)


def test_the_budget_is_of_the_whole_prompt() -> None:
    messages = [user(words(100)), assistant("Yes."), user("And?")]
    small = fit(messages, PREFIX, 400)
    assert small.dropped
    assert small.tokens <= 400
    assert not fit(messages, None, 400).dropped


def test_a_growing_conversation_keeps_its_start() -> None:
    """So its own cache entries are read: the start moves once in many turns."""
    messages: list[dict[str, Any]] = []
    starts = []
    for number in range(200):
        messages += [user(f"{number} {words(20)}"), assistant(words(20))]
        fitted = fit([*messages, user("And?")], None, 2000)
        starts.append(json.dumps(fitted.messages[0]))
    moves = sum(a != b for a, b in pairwise(starts))
    assert moves <= 36
    assert len(set(starts)) == moves + 1, "it never goes back"


@pytest.mark.parametrize("source", ["prefix", "file", "body"])
def test_the_prefix_is_never_touched(source: str) -> None:
    """Also where the messages begin with what it shares."""
    examples = [user(words(50)), {"role": "assistant", "content": words(50)}]
    prefix = Prefix("support", model=MODEL, system="Be kind.", examples=examples)
    file = make_prefix("support", prefix.request([PLACEHOLDER]), shared_messages=2)
    one = {"prefix": prefix, "file": file, "body": prefix.request([])}[source]
    talk = [user(words(100)), assistant("Yes."), user("And?")]
    whole = [*prefix.request([])["messages"], *talk]
    fitted = fit(whole, one, 220)
    assert fitted.messages == [*whole[:2], talk[2]]
    assert (fitted.dropped[0].first, fitted.dropped[0].last) == (2, 3)
    assert fit(talk, one, 220).messages == [talk[2]]
    assert fit(talk, one, 220).tokens == fitted.tokens


def test_what_cannot_be_made_to_fit() -> None:
    messages = [user(words(10)), assistant("Yes."), user("secret " * 1000)]
    with pytest.raises(DoesNotFitError) as raised:
        fit(messages, PREFIX, 1000)
    error = raised.value
    assert error.budget == 1000
    assert error.prefix > 200
    assert error.rest == message_tokens(messages[2], MODEL)
    assert f"~{error.prefix:,} tokens and the last round ~{error.rest:,}; " in str(error)
    assert "secret" not in str(error)
    assert isinstance(error, UsageError)


@pytest.mark.parametrize("budget", [0, -5, True, 1.5, None, "9"])
def test_a_budget_that_is_none(budget: Any) -> None:
    with pytest.raises(UsageError, match="budget_tokens"):
        fit([], None, budget)


@pytest.mark.parametrize("messages", ["text", None, [1], {"role": "user"}, ["a"]])
def test_messages_that_are_none(messages: Any) -> None:
    with pytest.raises(UsageError, match="not a list of messages"):
        fit(messages, None, 10)


def test_an_empty_conversation() -> None:
    assert fit([], PREFIX, 1000).messages == []


def test_a_call_that_waits_for_its_result_stays() -> None:
    messages = [user("Find."), *calls("a", size=200), *calls("b")[:1]]
    fitted = fit(messages, None, 120)
    assert fitted.messages == [messages[0], messages[3]]


def test_what_the_provider_runs_itself() -> None:
    """A server tool's call and result stand in one message."""
    search = {
        "role": "assistant",
        "content": [
            {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
            {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
            {"type": "text", "text": words(100)},
        ],
    }
    messages = [user("Find."), search, user("More."), search, user("And?")]
    fitted = fit(messages, None, 160)
    assert fitted.messages == messages[4:]
    assert fitted.dropped[0].tools == ("web_search",)


def test_a_pasted_image_counts_as_one() -> None:
    data = "iVBORw0KGgo" * 20_000
    source = {"type": "base64", "media_type": "image/png", "data": data}
    message = {"role": "user", "content": [{"type": "image", "source": source}]}
    assert 1600 <= message_tokens(message, "") < 1700
    text = {"role": "user", "content": [{"type": "tool_result", "content": data}]}
    assert message_tokens(text, "") > 50_000, "in a text it is text"
    raw = {"role": "user", "content": [{"image": {"source": {"bytes": b"\x89PNG" * 9999}}}]}
    assert 1600 <= message_tokens(raw, "") < 1700


def test_one_estimate_of_tokens() -> None:
    """As capture, plan and the simulator count the same body."""
    examples = [user(words(50)), assistant("Yes."), *calls("a", "b", size=30)]
    prefix = Prefix(
        "support", model=MODEL, system="Be kind. " * 99, tools=[TOOL], examples=examples
    )
    body = prefix.request([])
    assert prompt_tokens(body, MODEL) == pytest.approx(Prompt(body).tokens(), rel=0.05)
    assert prompt_tokens(body, "claude-opus-4-6") < prompt_tokens(body, MODEL)


def long_thoughts(**thinking: Any) -> Any:
    prefix = Prefix("support", model=MODEL, system="Be kind.", thinking=thinking)
    messages = [user(words(200)), assistant("Yes."), user("Find."), *calls("a", size=10)]
    return fit(messages, prefix, 200), messages


def test_thoughts_that_are_bound_to_what_was_dropped_go() -> None:
    """A provider that checks them would refuse the request."""
    fitted, messages = long_thoughts(type="adaptive")
    assert (fitted.removed_thinking, fitted.bound_thinking) == (1, 0)
    use = messages[3]["content"][1]
    assert fitted.messages[1] == {"role": "assistant", "content": [use]}


@pytest.mark.parametrize(
    "thinking",
    [
        {"type": "enabled", "budget_tokens": 1024},
        {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}},
    ],
)
def test_thoughts_that_must_or_may_stay(thinking: dict[str, Any]) -> None:
    """A budget of thinking wants the thought before a tool call sent back."""
    fitted, messages = long_thoughts(**thinking)
    assert (fitted.removed_thinking, fitted.bound_thinking) == (0, 1)
    assert fitted.messages == messages[2:]


def test_the_caller_decides_about_thoughts() -> None:
    messages = [user(words(200)), assistant("Yes."), user("Find."), *calls("a")]
    assert fit(messages, None, 150).bound_thinking == 1
    assert fit(messages, None, 150, thinking="remove").removed_thinking == 1
    alone = [
        user(words(200)),
        assistant("A"),
        user("B"),
        {"role": "assistant", "content": [THOUGHT]},
    ]
    assert fit(alone, None, 150, thinking="remove").messages == alone[2:]


def test_converse() -> None:
    use = {"toolUse": {"toolUseId": "a", "name": "find", "input": {}}}
    result = {"toolResult": {"toolUseId": "a", "content": [{"text": words(200)}]}}
    loop = [{"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    messages = [{"role": "user", "content": [{"text": "Find."}]}, *loop, *loop]
    fitted = fit(messages, None, 400)
    assert fitted.messages == [messages[0], *messages[3:]]
    assert fitted.dropped[0].tools == ("find",)


def test_chat_completions() -> None:
    """Instructions stay where they are; all results of parallel calls go with them."""
    call = {"type": "function", "function": {"name": "find", "arguments": "{}"}}
    asked = {"role": "assistant", "tool_calls": [{**call, "id": "a"}, {**call, "id": "b"}]}
    results = [{"role": "tool", "tool_call_id": one, "content": words(100)} for one in "ab"]
    messages = [
        {"role": "system", "content": "Be kind."},
        user("Find."),
        *(asked, *results),
        *(asked, *results),
    ]
    fitted = fit(messages, {"model": "gpt-6-sol"}, 400)
    assert fitted.messages == [*messages[:2], *messages[5:]]


def test_responses() -> None:
    """Reasoning goes with the call that it led to."""
    loop = [
        {"type": "reasoning", "id": "r", "summary": []},
        {"type": "function_call", "call_id": "a", "name": "find", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "a", "output": words(100)},
    ]
    messages = [user("Find."), *loop, *loop]
    fitted = fit(messages, {"model": "gpt-6-sol", "instructions": "Be kind."}, 250)
    assert fitted.messages == [messages[0], *messages[4:]]
    assert (fitted.dropped[0].first, fitted.dropped[0].last) == (1, 3)


def fit_or_none(messages: list[dict[str, Any]], budget: int) -> Fitted | None:
    """None where what must stay is larger than the budget."""
    try:
        return fit(messages, PREFIX, budget)
    except DoesNotFitError:
        last = fit(messages, PREFIX, 10**6).tokens
        assert last > budget
        return None


ROUND = st.tuples(st.integers(1, 3), st.integers(0, 60))
TURN = st.tuples(st.integers(1, 60), st.lists(ROUND, max_size=4), st.integers(1, 60))


@settings(max_examples=EXAMPLES, deadline=None)
@given(st.lists(TURN, min_size=1, max_size=6), st.integers(260, 1500))
def test_any_conversation(spec: list[Any], budget: int) -> None:
    """Whatever is left, the provider takes; it is within the budget, or nothing smaller is."""
    messages: list[dict[str, Any]] = []
    for number, (size, every_round, end) in enumerate(spec):
        messages.append(user(words(size)))
        for i, (parallel, result) in enumerate(every_round):
            messages += calls(*(f"t{number}r{i}c{c}" for c in range(parallel)), size=result)
        messages.append(assistant(words(end)))
    messages.append(user("And now?"))
    fitted = fit_or_none(messages, budget)
    if fitted is None:
        return
    check(fitted.messages, messages)
    assert fitted.tokens <= budget
    left = {i for one in fitted.dropped for i in range(one.first, one.last + 1)}
    assert fitted.messages == [m for i, m in enumerate(messages) if i not in left]
