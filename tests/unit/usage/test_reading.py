"""Usage of every provider, as the SDKs hold it and as it stands in JSON."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any

import pytest
from anthropic.types import Message

from prefixwarm.state.outcome import MOST_TOKENS, Usage
from prefixwarm.usage.reading import Reading, read_usage
from prefixwarm.usage.streaming import StreamedUsage

ANTHROPIC = {
    "input_tokens": 7,
    "output_tokens": 3,
    "cache_read_input_tokens": 9000,
    "cache_creation_input_tokens": 600,
    "cache_creation": {"ephemeral_5m_input_tokens": 100, "ephemeral_1h_input_tokens": 500},
}
CONVERSE = {
    "inputTokens": 7,
    "outputTokens": 3,
    "totalTokens": 9610,
    "cacheReadInputTokens": 9000,
    "cacheWriteInputTokens": 600,
    "cacheDetails": [{"inputTokens": 500, "ttl": "1h"}, {"inputTokens": 100, "ttl": "5m"}],
}
CHAT = {
    "prompt_tokens": 9607,
    "completion_tokens": 3,
    "total_tokens": 9610,
    "prompt_tokens_details": {"cached_tokens": 9000, "cache_write_tokens": 600},
}
RESPONSES = {
    "input_tokens": 9607,
    "input_tokens_details": {
        "cached_tokens": 9000,
        "cache_write_tokens": 600,
        "cache_write_tokens_details": {"ttl_30m_tokens": 100, "ttl_12h_tokens": 500},
    },
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 2},
    "total_tokens": 9610,
}
GEMINI = {
    "promptTokenCount": 9000,
    "cachedContentTokenCount": 8000,
    "candidatesTokenCount": 3,
    "thoughtsTokenCount": 4,
    "toolUsePromptTokenCount": 5,
    "totalTokenCount": 9012,
}
CLAUDE = Usage(input=7, output=3, read=9000, write_5m=100, write_1h=500)
OPENAI_12H = Usage(input=7, output=3, read=9000, write_30m=100, write_12h=500)
# openai-python's CompletionUsage does not split what was written: it is the shorter life.
OPENAI_30M = Usage(input=7, output=3, read=9000, write_30m=600)
GOOGLE = Usage(input=1005, output=7, read=8000)

FORMS = [
    ("anthropic", ANTHROPIC, CLAUDE),
    ("converse", CONVERSE, CLAUDE),
    ("openai", CHAT, OPENAI_30M),
    ("openai", RESPONSES, OPENAI_12H),
    ("gemini", GEMINI, GOOGLE),
]


@pytest.mark.parametrize(("form", "usage", "expected"), FORMS)
def test_the_usage_alone(form: str, usage: dict[str, Any], expected: Usage) -> None:
    assert read_usage(usage) == Reading(form=form, usage=expected)


@pytest.mark.parametrize(("form", "usage", "expected"), FORMS)
def test_a_reply_as_json(form: str, usage: dict[str, Any], expected: Usage) -> None:
    name = "usageMetadata" if form == "gemini" else "usage"
    assert read_usage({name: usage, "model": "m"}) == Reading(form=form, usage=expected, model="m")


@pytest.mark.parametrize(("form", "usage", "expected"), FORMS)
def test_an_object_of_no_sdk(form: str, usage: dict[str, Any], expected: Usage) -> None:
    as_object = json.loads(json.dumps(usage), object_hook=lambda fields: SimpleNamespace(**fields))
    assert read_usage(SimpleNamespace(usage=as_object)).usage == expected


def test_the_sdk_of_anthropic() -> None:
    message = Message.model_validate(
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude-sonnet-5-5",
            "content": [],
            "usage": ANTHROPIC,
        }
    )
    expected = Reading(form="anthropic", usage=CLAUDE, model="claude-sonnet-5-5")
    assert read_usage(message) == expected
    assert read_usage(message.usage).usage == CLAUDE


def test_the_sdk_of_openai() -> None:
    types = pytest.importorskip("openai.types")
    responses = pytest.importorskip("openai.types.responses")
    assert read_usage(types.CompletionUsage.model_validate(CHAT)).usage == OPENAI_30M
    usage = responses.ResponseUsage.model_validate(RESPONSES)
    assert read_usage(usage).usage == OPENAI_12H
    assert read_usage(responses.Response.model_construct(usage=usage, model="gpt-6-sol")) == (
        Reading(form="openai", usage=OPENAI_12H, model="gpt-6-sol")
    )


def test_the_sdk_of_google() -> None:
    types = pytest.importorskip("google.genai.types")
    reply = types.GenerateContentResponse.model_validate(
        {"usageMetadata": GEMINI, "modelVersion": "gemini-3.8-flash"}
    )
    assert read_usage(reply) == Reading(form="gemini", usage=GOOGLE, model="gemini-3.8-flash")


@pytest.mark.parametrize(
    ("usage", "expected"),
    [
        # litellm 1.110's Usage of a Claude model
        (
            {
                "prompt_tokens": 1000,
                "completion_tokens": 5,
                "prompt_tokens_details": {"cached_tokens": 700, "cache_creation_tokens": 200},
                "cache_creation_input_tokens": 200,
                "cache_read_input_tokens": 700,
            },
            Usage(input=100, output=5, read=700, write_5m=200),
        ),
        # langchain-core's usage_metadata, as langchain-anthropic fills it
        (
            {
                "input_tokens": 1000,
                "output_tokens": 5,
                "total_tokens": 1005,
                "input_token_details": {
                    "cache_read": 700,
                    "cache_creation": 0,
                    "ephemeral_5m_input_tokens": 50,
                    "ephemeral_1h_input_tokens": 150,
                },
            },
            Usage(input=100, output=5, read=700, write_5m=50, write_1h=150),
        ),
        # pydantic-ai's RequestUsage of a Claude model
        (
            {
                "input_tokens": 1000,
                "cache_write_tokens": 200,
                "cache_read_tokens": 700,
                "output_tokens": 5,
                "details": {"cache_creation_input_tokens": 200},
            },
            Usage(input=100, output=5, read=700, write_5m=200),
        ),
        # DeepSeek's
        (
            {"prompt_tokens": 1000, "completion_tokens": 5, "prompt_cache_hit_tokens": 700},
            Usage(input=300, output=5, read=700),
        ),
        # Nova's, by InvokeModel
        (
            {"inputTokens": 7, "outputTokens": 3, "cacheReadInputTokenCount": 900},
            Usage(input=7, output=3, read=900),
        ),
        # Gemini leaves out what is nought
        ({"promptTokenCount": 8, "totalTokenCount": 8}, Usage(input=8)),
    ],
)
def test_what_speaks_alike(usage: dict[str, Any], expected: Usage) -> None:
    assert read_usage(usage).usage == expected


@pytest.mark.parametrize("bad", [-1, 10**10, MOST_TOKENS + 1, "7", 1.5, True, [1], float("nan")])
@pytest.mark.parametrize(("usage", "field"), [
    (ANTHROPIC, "cache_read_input_tokens"),
    (CONVERSE, "cacheReadInputTokens"),
    (CHAT, "completion_tokens"),
    (RESPONSES, "input_tokens"),
    (GEMINI, "promptTokenCount"),
])  # fmt: skip
def test_absurd_numbers_are_unknown(usage: dict[str, Any], field: str, bad: object) -> None:
    reading = read_usage({**usage, field: bad})
    assert (reading.usage, reading.unusable) == (None, field)


def test_more_read_than_the_prompt_has_is_absurd() -> None:
    details = {"cached_tokens": 9608}
    assert read_usage({**CHAT, "prompt_tokens_details": details}).unusable == "cached_tokens"
    assert read_usage({**GEMINI, "cachedContentTokenCount": 9001}).usage is None


@pytest.mark.parametrize(
    "reply", [None, {}, {"usage": None}, "text", 7, [], {"usage": {}}, Usage, object(), {"a": 1}]
)
def test_what_has_no_usage(reply: object) -> None:
    assert read_usage(reply) is None


def streamed(*events: Any) -> Reading | None:
    usage = StreamedUsage()
    for event in events:
        usage.add(event)
    return usage.reading()


def test_a_stream_of_the_messages_api() -> None:
    start = {"type": "message_start", "message": {"model": "m", "usage": ANTHROPIC}}
    delta = {"type": "message_delta", "usage": {"output_tokens": 40, "input_tokens": None}}
    expected = Reading(form="anthropic", usage=CLAUDE.replace(output=40), model="m")
    assert streamed(start, {"type": "ping"}, delta) == expected
    nought = {"type": "message_delta", "usage": {"output_tokens": 40, "input_tokens": 0}}
    assert streamed(start, nought) == expected
    chunks = [{"chunk": {"bytes": json.dumps(event).encode()}} for event in (start, delta)]
    assert streamed(*chunks, {"chunk": {"bytes": b'{"usage"'}}) == expected


def test_a_stream_of_converse() -> None:
    metadata = {"metadata": {"usage": CONVERSE, "metrics": {"latencyMs": 3}}}
    assert streamed({"messageStart": {"role": "assistant"}}, metadata).usage == CLAUDE


def test_streams_of_openai() -> None:
    chat = pytest.importorskip("openai.types.chat")
    chunk = {
        "id": "c",
        "choices": [],
        "created": 1,
        "model": "m",
        "object": "chat.completion.chunk",
    }
    chunks = [chat.ChatCompletionChunk.model_validate(chunk | {"usage": u}) for u in (None, CHAT)]
    assert streamed(*chunks) == Reading(form="openai", usage=OPENAI_30M, model="m")
    created = {"type": "response.created", "response": {"usage": None, "model": "m"}}
    done = {"type": "response.completed", "response": {"usage": RESPONSES, "model": "m"}}
    assert streamed(created, done) == Reading(form="openai", usage=OPENAI_12H, model="m")


def test_a_stream_of_gemini() -> None:
    first = {"usageMetadata": {"promptTokenCount": 9000, "totalTokenCount": 9000}}
    assert streamed(first, {"usageMetadata": GEMINI}).usage == GOOGLE


def test_a_stream_without_usage() -> None:
    assert streamed({"choices": [{"delta": {"content": "Hi"}}]}, "text", None) is None
