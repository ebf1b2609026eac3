"""The SDK's own clients, observed, against the simulated provider."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import anthropic
import anyio
import boto3
import pytest

from prefixwarm.observe import Observer, async_middleware, middleware, watch
from prefixwarm.provider.routes import ROUTES
from prefixwarm.simulator import Principal, running
from prefixwarm.state.memory import MemoryState
from tests.helpers.prefixes import make_prefix

if TYPE_CHECKING:
    from collections.abc import Iterator

SONNET = "claude-sonnet-5-5"
PROFILE = f"global.anthropic.{SONNET}"
VERSION = "bedrock-2023-05-31"
KEYS = {"aws_access_key_id": "AKIDTEST", "aws_secret_access_key": "secret"}


def body(question: str = "hello", **changes: Any) -> Any:
    marker = {"type": "ephemeral", "ttl": "1h"}
    system = [{"type": "text", "text": "You are a helper. " * 400, "cache_control": marker}]
    turn = {"role": "user", "content": question}
    return {"model": SONNET, "max_tokens": 50, "system": system, "messages": [turn], **changes}


@pytest.fixture(scope="module")
def provider() -> Iterator[Any]:
    """One provider for all tests; each starts with an empty cache."""
    with running(clock="manual") as simulator:
        yield simulator


class Watched:
    """An observer of the usual prefix, and what it reports."""

    def __init__(self, model: str = SONNET, route: str = "anthropic") -> None:
        self.lines: list[Any] = []
        self.opened: list[Any] = []
        prefix = make_prefix("support", body(model=model), route=route)
        self.observer = Observer(
            [prefix], state=MemoryState(), emit=lambda line: self.lines.append(json.loads(line))
        )

    def open(self, agent: Any) -> Any:
        """Close this client when the test ends."""
        self.opened.append(agent)
        return agent

    @property
    def results(self) -> list[str]:
        assert self.observer.flush(30)
        return [line["result"] for line in self.lines if "result" in line]


@pytest.fixture
def watched(provider: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watched]:
    """With the region of the Bedrock clients; the clients that it opened are closed."""
    provider.reset()
    provider.heal()
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    watched = Watched()
    yield watched
    for agent in watched.opened:
        agent.close()


def client(provider: Any, watched: Watched, **options: Any) -> anthropic.Anthropic:
    chain = [middleware(watched.observer, **options)]
    agent: anthropic.Anthropic = watched.open(
        anthropic.Anthropic(base_url=provider.url, api_key="k", middleware=chain, max_retries=0)
    )
    return agent


def test_a_synchronous_client(provider: Any, watched: Watched) -> None:
    """A miss, a hit, and drift; the caller gets its messages as ever."""
    agent = client(provider, watched)
    for question in "ab":
        assert agent.messages.create(**body(question)).usage.output_tokens
    agent.messages.create(**body(system="You were a helper. " * 400))
    assert watched.results == ["miss", "hit", "drift"]


def test_a_stream(provider: Any, watched: Watched) -> None:
    """Reported at its first event; text and final message come through whole."""
    agent = client(provider, watched)
    with agent.messages.stream(**body("a")) as stream:
        text = "".join(stream.text_stream)
        assert watched.results == ["miss"]
        assert stream.get_final_message().content[0].text == text  # type: ignore[union-attr]
    kinds = [event.type for event in agent.messages.create(**body("b"), stream=True)]
    assert (kinds[0], kinds[-1]) == ("message_start", "message_stop")
    assert watched.results == ["miss", "hit"]


@pytest.mark.parametrize("loop", ["asyncio", "trio"])
def test_an_asynchronous_client(provider: Any, watched: Watched, loop: str) -> None:
    """Whole, streamed, and streamed to nobody; on either event loop that the SDK runs on."""

    async def talk() -> None:
        chain = [async_middleware(watched.observer)]
        async with anthropic.AsyncAnthropic(
            base_url=provider.url, api_key="k", middleware=chain
        ) as agent:
            await agent.messages.create(**body("a"))
            async with agent.messages.stream(**body("b")) as stream:
                assert "".join([text async for text in stream.text_stream])
            async with agent.messages.stream(**body("c")) as stream:
                await stream.__anext__()

    anyio.run(talk, backend=loop)
    assert watched.results == ["miss", "hit", "hit"]


def test_raw_and_streaming_responses(provider: Any, watched: Watched) -> None:
    """Reads along with a body that the caller reads by itself, however it does."""
    agent = client(provider, watched)
    raw = agent.messages.with_raw_response.create(**body("a"))
    assert raw.parse().usage.cache_creation_input_tokens
    streaming = agent.messages.with_streaming_response
    with streaming.create(**body("b")) as response:
        assert json.loads(b"".join(response.iter_bytes(50)))["usage"]["cache_read_input_tokens"]
    with streaming.create(**body("c")) as response:
        assert response.parse().usage.cache_read_input_tokens
    with streaming.create(**body("d"), stream=True) as response:
        assert any("message_stop" in line for line in response.iter_lines())
    with streaming.create(**body("e"), stream=True) as response:
        assert [event.type for event in response.parse()][-1] == "message_stop"
    with streaming.create(**body("f")):
        pass  # read by nobody
    assert watched.results == ["miss", *["hit"] * 4]


def test_streaming_responses_of_an_asynchronous_client(provider: Any, watched: Watched) -> None:
    """The same."""

    async def talk() -> None:
        async with anthropic.AsyncAnthropic(
            base_url=provider.url, api_key="k", middleware=[async_middleware(watched.observer)]
        ) as agent:
            streaming = agent.messages.with_streaming_response
            async with streaming.create(**body("a")) as response:
                assert (await response.parse()).usage.cache_creation_input_tokens
            async with streaming.create(**body("b"), stream=True) as response:
                assert [line async for line in response.iter_lines()]
            async with streaming.create(**body("c")) as response:
                assert json.loads(await response.read())

    anyio.run(talk)
    assert watched.results == ["miss", "hit", "hit"]


def test_the_beta_client(provider: Any, watched: Watched) -> None:
    """Its betas are part of the shape: they were not warmed."""
    agent = client(provider, watched)
    agent.beta.messages.create(**body("a"), betas=["context-management-2025-06-27"])
    assert watched.results == ["drift"]


@pytest.mark.parametrize(
    ("header", "value"),
    [
        ("anthropic-version", "2023-06-01"),
        ("anthropic-beta", "context-management-2025-06-27"),
    ],
)
def test_what_the_client_adds_to_every_request(
    provider: Any, watched: Watched, header: str, value: str
) -> None:
    """Middleware does not see it; the request that went out says it."""
    agent = client(provider, watched).with_options(default_headers={header: value})
    agent.messages.create(**body("a"))
    with agent.messages.stream(**body("b")) as stream:
        assert stream.get_final_message().usage
    assert watched.results == ["drift", "drift"]
    assert [(x["place"], x["why"]) for x in watched.lines if "place" in x] == [(header, "value")]


def test_the_version_that_the_sdk_sends_by_itself(provider: Any, watched: Watched) -> None:
    """It is the one that prefix files get where none is named."""
    agent = client(provider, watched)
    assert agent.default_headers["anthropic-version"] == ROUTES["anthropic"].versions[-1]
    agent.messages.create(**body("a"), extra_headers={"anthropic-version": "2023-06-01"})
    agent.messages.create(**body("b"))
    assert watched.results == ["drift", "miss"]  # the cautious simulator keeps them apart


def test_how_the_agent_logs_in_is_no_drift(provider: Any, watched: Watched) -> None:
    """Access tokens bring a beta of their own."""
    token = anthropic.WorkloadIdentityCredentials(
        identity_token_provider=lambda: "eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.c2ln",
        federation_rule_id="fdrl_1",
        organization_id=Principal().organization,
    )
    agent = watched.open(
        anthropic.Anthropic(
            base_url=provider.url, credentials=token, middleware=[middleware(watched.observer)]
        )
    )
    agent.messages.create(**body("a"))
    (sent,) = [r for r in provider.requests() if r["path"] == "/v1/messages"]
    assert "oauth-" in sent["headers"]["anthropic-beta"]
    assert watched.results == ["miss"]


def test_a_router_beside_the_agent(provider: Any, watched: Watched) -> None:
    """The same client and model; only the agent's changed prompt is drift."""
    agent = client(provider, watched)
    router = body("a", system="Answer with one word: billing or parcels.")
    for request in (router, body("a"), router, body("a")):
        agent.messages.create(**request)
    assert watched.results == ["other", "miss", "other", "hit"]
    agent.messages.create(**body(system="Today is Friday. " + "You are a helper. " * 400))
    assert watched.results[-1] == "drift"
    assert [x["place"] for x in watched.lines if "place" in x] == ["system[0].text:0"]


def test_other_calls_pass(provider: Any, watched: Watched) -> None:
    """Counting tokens is no request for a message."""
    agent = client(provider, watched)
    counted = body()
    del counted["max_tokens"]
    assert agent.messages.count_tokens(**counted).input_tokens
    assert watched.results == []


@pytest.mark.parametrize("streamed", [False, True])
def test_errors_are_the_callers(provider: Any, watched: Watched, streamed: bool) -> None:
    """The provider's error reaches the caller as it would; nothing is reported."""
    provider.inject(status=529)
    with pytest.raises(anthropic.APIStatusError) as caught:
        client(provider, watched).messages.create(**body(), stream=streamed)
    assert caught.value.status_code == 529
    assert watched.results == []


def test_a_broken_observer_harms_nothing(provider: Any, watched: Watched) -> None:
    """Whatever goes wrong in it, before or after."""

    class Broken(Observer):
        def begin(self, *arguments: Any, **more: Any) -> Any:
            raise RuntimeError("before")

    agent = client(provider, watched)
    broken = agent.with_options(middleware=[middleware(Broken([]))])
    assert broken.messages.create(**body()).usage
    watched.observer._emit = None  # type: ignore[assignment]
    assert agent.messages.create(**body()).usage
    with agent.messages.stream(**body()) as stream:
        assert stream.get_final_message().usage


def test_the_missing_breakpoint_is_added_on_request(provider: Any, watched: Watched) -> None:
    """What goes out reads the warmed entry; the caller's own objects stay as they were."""
    request = body(system="You are a helper. " * 400)
    plain, adding = client(provider, watched), client(provider, watched, add_breakpoint=True)
    plain.messages.create(**request)
    assert [r["usage"]["cache_creation_input_tokens"] for r in provider.requests()] == [0]
    adding.messages.create(**request)
    adding.messages.create(**request)
    assert watched.results == ["miss", "miss", "hit"]
    assert request["system"] == "You are a helper. " * 400


def test_nothing_else_is_changed(provider: Any, watched: Watched) -> None:
    """Observed or not, the provider receives the same body."""
    plain = watched.open(anthropic.Anthropic(base_url=provider.url, api_key="k"))
    for agent in (plain, client(provider, watched), client(provider, watched, add_breakpoint=True)):
        agent.messages.create(**body(), metadata={"user_id": "u"}, extra_body={"speed": "standard"})
    first, *others = [json.dumps(r["body"]) for r in provider.requests()]
    assert others == [first, first]


@pytest.mark.parametrize("kind", ["bedrock", "mantle", "aws"])
def test_the_clients_of_aws(provider: Any, watched: Watched, kind: str) -> None:
    """The same middleware."""
    keys: Any = {"aws_access_key": "AKIDTEST", "aws_secret_key": "secret"}
    region: Any = {"aws_region": "us-east-1"}
    model, route = SONNET, "aws"
    if kind == "bedrock":
        model, route = PROFILE, "bedrock"
    if kind == "mantle":
        model, route = f"anthropic.{SONNET}", "bedrock-mantle"
    watcher = Watched(model, route)
    chain = [middleware(watcher.observer)]
    agent: Any
    if kind == "bedrock":
        agent = anthropic.AnthropicBedrock(
            base_url=provider.url, middleware=chain, **keys, **region
        )
    elif kind == "mantle":
        agent = anthropic.AnthropicBedrockMantle(
            base_url=provider.mantle_url, middleware=chain, **keys, **region
        )
    else:
        agent = anthropic.AnthropicAWS(
            base_url=provider.url, middleware=chain, workspace_id="w", **keys, **region
        )
    watched.open(agent)
    for question in "ab":
        agent.messages.create(**body(question, model=model))
    assert watcher.results == ["miss", "hit"]


def test_boto3(provider: Any, watched: Watched) -> None:
    """InvokeModel, whole and streamed; the caller reads what it would have read."""
    watcher = Watched(PROFILE, "bedrock")
    agent = boto3.client(
        "bedrock-runtime", region_name="us-east-1", endpoint_url=provider.url, **KEYS
    )
    watch(agent, watcher.observer)
    sent = {**body("a"), "anthropic_version": "bedrock-2023-05-31"}
    del sent["model"]
    reply = agent.invoke_model(modelId=PROFILE, body=json.dumps(sent))
    assert json.loads(reply["body"].read())["usage"]["cache_creation_input_tokens"]
    assert watcher.results == ["miss"]
    reply = agent.invoke_model(modelId=PROFILE, body=json.dumps(sent))
    assert json.loads(b"".join(reply["body"].iter_chunks(100)))["usage"]["cache_read_input_tokens"]
    assert watcher.results == ["miss", "hit"]
    reply = agent.invoke_model_with_response_stream(modelId=PROFILE, body=json.dumps(sent))
    events = [json.loads(event["chunk"]["bytes"])["type"] for event in reply["body"]]
    assert (events[0], events[-1]) == ("message_start", "message_stop")
    assert watcher.results == ["miss", "hit", "hit"]
    agent.close()


def test_boto3_adds_the_breakpoint_where_it_is_asked_for(provider: Any, watched: Watched) -> None:
    """To InvokeModel's body; what stands in it otherwise is the caller's."""
    watcher = Watched(PROFILE, "bedrock")
    agent = watched.open(
        boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=provider.url, **KEYS)
    )
    watch(agent, watcher.observer, add_breakpoint=True)
    sent = {**body("a", system="You are a helper. " * 400), "anthropic_version": VERSION}
    del sent["model"]
    for _ in "ab":
        agent.invoke_model(modelId=PROFILE, body=json.dumps(sent))["body"].read()
    assert watcher.results == ["miss", "hit"]
    marker = {"type": "ephemeral", "ttl": "1h"}
    text = {"type": "text", "text": sent["system"], "cache_control": marker}
    assert [r["body"] for r in provider.requests()] == [{**sent, "system": [text]}] * 2
