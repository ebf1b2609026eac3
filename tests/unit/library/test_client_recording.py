"""`CacheStats.wrap`: every SDK's client, synchronous, asynchronous and streaming."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any
from unittest.mock import MagicMock

import anthropic
import boto3
import pytest
from botocore.config import Config

from prefixwarm import Prefix, Warmer
from prefixwarm.errors import UsageError
from prefixwarm.library.cache_stats import CacheStats
from prefixwarm.library.warm_recognition import only_warms
from prefixwarm.simulator import running
from tests.unit.library.providers import Providers

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator import Simulator

REQUEST: dict[str, Any] = {
    "model": "claude-sonnet-5-5",
    "max_tokens": 16,
    "system": [
        {
            "type": "text",
            "text": "You answer questions about lamps. " * 200,
            "cache_control": {"type": "ephemeral"},
        }
    ],
    "messages": [{"role": "user", "content": "Which one is the brightest?"}],
}
ASK = {"model": "gpt-6-sol", "messages": [{"role": "user", "content": "Hi"}]}


@pytest.fixture(scope="module")
def sim() -> Iterator[Simulator]:
    with running(clock="manual") as simulator:
        yield simulator


@pytest.fixture
def provider(sim: Simulator) -> Simulator:
    sim.reset()
    return sim


@pytest.fixture(scope="module")
def others() -> Iterator[Providers]:
    server = Providers()
    yield server
    server.close()


@pytest.fixture
def stats() -> CacheStats:
    return CacheStats(opentelemetry=False)


def counted(stats: CacheStats) -> tuple[int, int, int]:
    summary = stats.summary()
    return summary.requests, summary.hits, summary.unmeasured


def test_anthropic(provider: Simulator, stats: CacheStats) -> None:
    """Each way of sending, counted once; what is no message is not counted."""
    with anthropic.Anthropic(api_key="k", base_url=provider.url) as client:
        wrapped = stats.wrap(client, prefix="support", version="2")
        assert wrapped is client
        assert isinstance(wrapped, anthropic.Anthropic)
        message = wrapped.messages.create(**REQUEST)
        assert message.usage.cache_creation_input_tokens
        with wrapped.messages.stream(**REQUEST) as stream:
            stream.until_done()
        for _event in wrapped.messages.create(**REQUEST, stream=True):
            pass
        raw = wrapped.messages.with_raw_response.create(**REQUEST)
        assert raw.parse().usage.cache_read_input_tokens
        wrapped.with_options(timeout=5).beta.messages.create(**REQUEST)
        wrapped.messages.count_tokens(model=REQUEST["model"], messages=REQUEST["messages"])
        with pytest.raises(anthropic.BadRequestError):
            wrapped.messages.create(**{**REQUEST, "max_tokens": -1})
    assert counted(stats) == (5, 4, 0)
    summary = stats.summary(prefix="support", model="claude-sonnet-5-5", version="2")
    assert summary.requests == 5
    billed = float(provider.ledger()["total"]["cost_usd"])
    assert summary.cost_usd == pytest.approx(billed)


def test_anthropic_async(provider: Simulator, stats: CacheStats) -> None:
    """What `inspect.iscoroutinefunction` does not recognise is awaited all the same."""

    async def send() -> None:
        async with anthropic.AsyncAnthropic(api_key="k", base_url=provider.url) as client:
            wrapped = stats.wrap(client)
            await wrapped.messages.create(**REQUEST)
            async with wrapped.messages.stream(**REQUEST) as stream:
                await stream.until_done()
            async for _event in await wrapped.messages.create(**REQUEST, stream=True):
                pass
            raw = await wrapped.messages.with_raw_response.create(**REQUEST)
            assert (await raw.parse()).usage.cache_read_input_tokens
            copied = wrapped.with_options(timeout=5)
            await asyncio.gather(*(copied.messages.create(**REQUEST) for _ in range(20)))

    asyncio.run(send())
    assert counted(stats) == (24, 23, 0)


@pytest.mark.parametrize("refuse_zero", [False, True])
def test_warm_calls_of_a_counted_client(
    refuse_zero: bool, provider: Simulator, stats: CacheStats
) -> None:
    """Are told from its requests, with one token of output too."""
    provider.switch(refuse_zero=refuse_zero)
    prefix = Prefix("support", model=REQUEST["model"], system=REQUEST["system"][0]["text"])
    with anthropic.Anthropic(api_key="k", base_url=provider.url, max_retries=0) as client:
        stats.wrap(client, prefix=prefix)
        assert Warmer(client, [prefix]).warm("support").outcome == "written"
        client.messages.create(**prefix.request(REQUEST["messages"], max_tokens=16))
    provider.switch(refuse_zero=False)
    summary = stats.summary(prefix="support")
    assert (summary.warm_calls, summary.requests, summary.hits) == (1, 1, 1)
    assert summary.read_after_warm_tokens == summary.warm_write_tokens


def test_warm_calls_of_a_counted_boto3_client(provider: Simulator, stats: CacheStats) -> None:
    client = stats.wrap(bedrock(provider.url))
    model = "global.anthropic.claude-sonnet-5-5"
    text = REQUEST["system"][0]["text"]
    for route in ("bedrock", "bedrock-converse"):
        blocks = [{"text": text}] if route == "bedrock-converse" else text
        prefix = Prefix(f"a-{route}", model=model, system=blocks, route=route)
        assert Warmer(client, [prefix]).warm(prefix.name).ok
    client.close()
    assert (stats.summary().warm_calls, stats.summary().requests) == (2, 0)


@pytest.mark.parametrize(
    ("fields", "warm"),
    [
        ({"prompt_cache_options": {"prewarm": True}}, True),
        ({"prompt_cache_options": {"ttl": "12h"}}, False),
        ({"max_tokens": 0}, True),
        ({"max_tokens": False}, False),
        ({"max_tokens": 1}, False),
        ({"inferenceConfig": {"maxTokens": 0}}, True),
        ({"modelId": "m", "body": b'{"max_tokens": 0}'}, True),
        ({"modelId": "m", "body": '{"max_tokens": 10}'}, False),
        ({"modelId": "m", "body": "[]"}, False),
        ("text", False),
    ],
)
def test_what_a_warm_call_is(fields: Any, warm: bool) -> None:
    assert only_warms(fields) is warm


def test_a_stream_that_is_left_early(provider: Simulator, stats: CacheStats) -> None:
    """Counts by what it said so far."""
    with anthropic.Anthropic(api_key="k", base_url=provider.url) as client:
        stats.wrap(client)
        with client.messages.create(**REQUEST, stream=True) as stream:
            next(iter(stream))
    del stream
    assert counted(stats) == (1, 0, 0)


def test_what_the_caller_reads_by_itself(provider: Simulator, stats: CacheStats) -> None:
    """Is not read before."""
    with anthropic.Anthropic(api_key="k", base_url=provider.url) as client:
        stats.wrap(client)
        with client.messages.with_streaming_response.create(**REQUEST) as response:
            assert json.loads(response.read())["usage"]
    assert counted(stats) == (0, 0, 1)


def test_two_kinds_of_statistics(provider: Simulator, stats: CacheStats) -> None:
    """And the failure of one is nobody else's."""

    def broken(body: object) -> str:
        raise RuntimeError(str(body))

    other = CacheStats(opentelemetry=False)
    with anthropic.Anthropic(api_key="k", base_url=provider.url) as client:
        stats.wrap(other.wrap(client), prefix=broken)
        client.messages.create(**REQUEST)
        third = CacheStats(opentelemetry=False)
        third.wrap(client, prefix=lambda body: body["model"], version=lambda _: "7")
        client.messages.create(**REQUEST)
    assert counted(other) == (2, 1, 0)
    assert third.hit_rate(prefix=REQUEST["model"], version="7") == other.hit_rate(version="") * 2


def bedrock(url: str) -> Any:
    return boto3.client(
        "bedrock-runtime",
        region_name="us-east-1",
        endpoint_url=url,
        aws_access_key_id="AKIAIOSFODNN7EXAMPLE",
        aws_secret_access_key="wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_boto3(provider: Simulator, stats: CacheStats) -> None:
    """InvokeModel and Converse, whole and streamed."""
    model = "global.anthropic.claude-sonnet-5-5"
    other = CacheStats(opentelemetry=False)
    client = other.wrap(stats.wrap(bedrock(provider.url)))
    body = {name: value for name, value in REQUEST.items() if name != "model"}
    invoked = {
        "modelId": model,
        "body": json.dumps({**body, "anthropic_version": "bedrock-2023-05-31"}),
    }
    converse = {
        "modelId": model,
        "system": [{"text": REQUEST["system"][0]["text"]}, {"cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"text": "Which one?"}]}],
    }
    assert json.loads(client.invoke_model(**invoked)["body"].read())["usage"]
    for _event in client.invoke_model_with_response_stream(**invoked)["body"]:
        pass
    assert client.converse(**converse)["usage"]["totalTokens"]
    for _event in client.converse_stream(**converse)["stream"]:
        pass
    client.close()
    assert counted(stats)[0] == 4
    assert counted(stats)[2] == 0
    assert other.summary() == stats.summary(), "two of them count the same"
    summary = stats.by("model")[model]
    assert summary.cost_usd == pytest.approx(float(provider.ledger()["total"]["cost_usd"]))


def test_openai(others: Providers, stats: CacheStats) -> None:
    openai = pytest.importorskip("openai")
    with openai.OpenAI(api_key="k", base_url=f"{others.url}/v1") as client:
        stats.wrap(client)
        assert client.chat.completions.create(**ASK).usage.prompt_tokens == 2000
        usage = {"stream_options": {"include_usage": True}}
        assert len(list(client.chat.completions.create(**ASK, **usage, stream=True))) == 2
        client.responses.create(model="gpt-6-sol", input="Hi")
        with client.responses.stream(model="gpt-6-sol", input="Hi") as stream:
            stream.until_done()
        client.embeddings.create(model="e", input="Hi")
        client.post("/threads/t/messages", cast_to=object, body=ASK)
        raw = client.with_options(timeout=5).responses.with_raw_response
        assert raw.create(model="gpt-6-sol", input="Hi").parse().usage
    assert counted(stats) == (5, 5, 0)
    assert stats.summary().read_tokens == 5 * 1536
    assert stats.summary().write_tokens == 3 * 256
    assert stats.summary().cost_usd is not None


def test_azure_names_a_deployment_and_its_reply_the_model(
    others: Providers, stats: CacheStats
) -> None:
    openai = pytest.importorskip("openai")
    options = {"azure_endpoint": others.url, "api_version": "2026-10-01", "api_key": "k"}
    with openai.AzureOpenAI(**options) as client:
        stats.wrap(client).chat.completions.create(**{**ASK, "model": "our-deployment"})
    assert list(stats.by("model")) == ["gpt-6-sol"]
    assert stats.summary().cost_usd is not None


def test_openai_streams_without_usage_are_unmeasured(others: Providers, stats: CacheStats) -> None:
    """And the advice says what to ask for."""
    openai = pytest.importorskip("openai")
    with openai.OpenAI(api_key="k", base_url=f"{others.url}/v1") as client:
        list(stats.wrap(client).chat.completions.create(**ASK, stream=True))
    assert counted(stats) == (0, 0, 1)
    assert stats.summary().cost_usd is None
    assert "include_usage" in stats.advice()[0].text


def test_openai_async(others: Providers, stats: CacheStats) -> None:
    openai = pytest.importorskip("openai")

    async def send() -> None:
        async with openai.AsyncOpenAI(api_key="k", base_url=f"{others.url}/v1") as client:
            stats.wrap(client)
            await client.chat.completions.create(**ASK)
            async for _event in await client.responses.create(
                model="gpt-6-sol", input="Hi", stream=True
            ):
                pass

    asyncio.run(send())
    assert counted(stats) == (2, 2, 0)


def test_google(others: Providers, stats: CacheStats) -> None:
    """Chats and the asynchronous half of the client, too."""
    genai = pytest.importorskip("google.genai")
    client = genai.Client(api_key="k", http_options={"base_url": others.url})
    assert stats.wrap(client) is client
    client.models.generate_content(model="gemini-3.8-flash", contents="Hi")
    list(client.models.generate_content_stream(model="gemini-3.8-flash", contents="Hi"))
    client.chats.create(model="gemini-3.8-flash").send_message("Hi")

    async def send() -> None:
        models = client.aio.models
        await models.generate_content(model="gemini-3.8-flash", contents="Hi")
        stream = await models.generate_content_stream(model="gemini-3.8-flash", contents="Hi")
        async for _chunk in stream:
            pass
        await client.aio.aclose()

    asyncio.run(send())
    client.close()
    assert counted(stats) == (5, 5, 0)
    assert stats.by("model")["gemini-3.8-flash"].read_tokens == 7500


def test_functions(stats: CacheStats) -> None:
    """Synchronous, asynchronous, and those that return streams of either kind."""
    usage = {"prompt_tokens": 10, "completion_tokens": 1}

    def whole(**_request: Any) -> dict[str, Any]:
        return {"usage": usage}

    async def later(**_request: Any) -> dict[str, Any]:
        return {"usage": usage}

    def stream(**_request: Any) -> Iterator[dict[str, Any]]:
        yield {"choices": []}
        yield {"usage": usage}

    async def later_stream(**_request: Any) -> Any:
        async def events() -> Any:
            yield {"usage": usage}

        return events()

    assert stats.wrap(whole)(model="m") == {"usage": usage}
    assert asyncio.run(stats.wrap(later)(model="m")) == {"usage": usage}
    assert len(list(stats.wrap(stream)(model="m"))) == 2

    async def read() -> list[Any]:
        return [event async for event in await stats.wrap(later_stream)(model="m")]

    assert len(asyncio.run(read())) == 1
    assert counted(stats) == (4, 0, 0)
    assert stats.summary(model="m").requests == 4


@pytest.mark.parametrize("client", [{"client": 1}, anthropic.Anthropic, MagicMock(), None, "x"])
def test_what_cannot_be_wrapped(client: Any, stats: CacheStats) -> None:
    """Neither a class nor a stand-in of a client is taken for a function."""
    with pytest.raises(UsageError, match="pass its replies to record"):
        stats.wrap(client)


def test_the_functions_errors_are_its_own(stats: CacheStats) -> None:
    def fails(**_request: Any) -> None:
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        stats.wrap(fails)()
    assert counted(stats) == (0, 0, 0)
