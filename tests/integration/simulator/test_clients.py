"""The real clients of the four routes, unmodified."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import anthropic
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from prefixwarm.simulator import AwsKey, Principal, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.simulator import Simulator
    from tests.integration.simulator.conftest import MakeJson


PAIR = {"aws_access_key": "AKIAEXAMPLE", "aws_secret_key": "se/cr+et", "aws_region": "eu-west-1"}
WRONG = {**PAIR, "aws_secret_key": "other"}
PROFILE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
VERSION = {"anthropic_version": "bedrock-2023-05-31"}


@pytest.fixture
def sim() -> Iterator[Simulator]:
    """A simulator that verifies signatures."""
    keys = {"key": Principal(), "aws-key": Principal("org", "wrkspc_x")}
    with running(
        clock="manual", aws_keys={"AKIAEXAMPLE": AwsKey("se/cr+et")}, keys=keys
    ) as simulator:
        yield simulator


@pytest.fixture
def prompt(body: MakeJson) -> MakeJson:
    """A request without its model."""
    return lambda **change: body(**{"model": None, **change})


def twice(client: Any, request: dict) -> None:
    """The first call writes, the second reads the same."""
    with client:
        first = client.messages.create(**request)
        second = client.messages.create(**request)
    assert first.content == []
    assert first.usage.cache_creation_input_tokens >= 2000
    assert second.usage.cache_read_input_tokens == first.usage.cache_creation_input_tokens


def test_anthropic(sim: Simulator, prompt: MakeJson) -> None:
    client = anthropic.Anthropic(api_key="key", base_url=sim.url, max_retries=0)
    twice(client, prompt(model="claude-sonnet-5-5"))
    assert sim.requests()[0]["route"] == "anthropic"
    assert sim.requests()[0]["headers"]["anthropic-version"] == "2026-10-21"


def test_anthropic_streams(sim: Simulator, prompt: MakeJson) -> None:
    with anthropic.Anthropic(api_key="key", base_url=sim.url, max_retries=0) as client:
        request = prompt(model="claude-sonnet-5-5", max_tokens=50)
        with client.messages.stream(**request) as stream:
            text = "".join(stream.text_stream)
            final = stream.get_final_message()
    assert text == final.content[0].text
    assert final.stop_reason == "end_turn"
    assert final.usage.cache_creation_input_tokens >= 2000


def test_async_anthropic(sim: Simulator, prompt: MakeJson) -> None:
    async def run() -> str:
        async with anthropic.AsyncAnthropic(api_key="key", base_url=sim.url) as client:
            request = prompt(model="claude-sonnet-5-5", max_tokens=50)
            await client.messages.create(**request)
            async with client.messages.stream(**request) as stream:
                return (await stream.get_final_message()).content[0].text

    assert asyncio.run(run())
    assert sim.requests()[1]["usage"]["cache_read_input_tokens"] >= 2000


def test_count_tokens(sim: Simulator, prompt: MakeJson) -> None:
    with anthropic.Anthropic(api_key="key", base_url=sim.url) as client:
        request = prompt(model="claude-sonnet-5-5", max_tokens=None)
        assert client.messages.count_tokens(**request).input_tokens >= 2000


def test_platform_on_aws_signed(sim: Simulator, prompt: MakeJson) -> None:
    client = anthropic.AnthropicAWS(**PAIR, workspace_id="wrkspc_a", base_url=sim.url)
    twice(client, prompt(model="claude-sonnet-5-5"))
    first = sim.requests()[0]
    assert (first["route"], first["workspace"]) == ("aws", "wrkspc_a")


def test_platform_on_aws_with_a_key(sim: Simulator, prompt: MakeJson) -> None:
    client = anthropic.AnthropicAWS(
        api_key="aws-key", aws_region="eu-west-1", workspace_id="wrkspc_x", base_url=sim.url
    )
    twice(client, prompt(model="claude-sonnet-5-5"))


def test_bedrock_mantle_signed(sim: Simulator, prompt: MakeJson) -> None:
    client = anthropic.AnthropicBedrockMantle(**PAIR, base_url=sim.mantle_url)
    twice(client, prompt(model="anthropic.claude-sonnet-5-5"))
    assert sim.requests()[0]["route"] == "bedrock-mantle"


def test_bedrock_mantle_with_a_bearer_token(sim: Simulator, prompt: MakeJson) -> None:
    client = anthropic.AnthropicBedrockMantle(
        api_key="key", aws_region="eu-west-1", base_url=sim.mantle_url
    )
    twice(client, prompt(model="anthropic.claude-sonnet-5-5"))


def test_bedrock(sim: Simulator, prompt: MakeJson) -> None:
    client = anthropic.AnthropicBedrock(**PAIR, base_url=sim.url)
    twice(client, prompt(model="global.anthropic.claude-opus-5-5"))
    assert sim.requests()[0]["route"] == "bedrock"


def test_bedrock_streams(sim: Simulator, prompt: MakeJson) -> None:
    client = anthropic.AnthropicBedrock(**PAIR, base_url=sim.url)
    request = prompt(model="global.anthropic.claude-opus-5-5", max_tokens=50)
    with client, client.messages.stream(**request) as stream:
        final = stream.get_final_message()
    assert final.content[0].text
    assert final.usage.cache_creation_input_tokens >= 2000


@pytest.mark.parametrize(
    ("make", "model", "error"),
    [
        (
            lambda url: anthropic.AnthropicAWS(**WRONG, workspace_id="w", base_url=url),
            "claude-sonnet-5-5",
            anthropic.AuthenticationError,
        ),
        (
            lambda url: anthropic.AnthropicBedrockMantle(**WRONG, base_url=f"{url}/anthropic"),
            "anthropic.claude-sonnet-5-5",
            anthropic.AuthenticationError,
        ),
        (
            lambda url: anthropic.AnthropicBedrock(**WRONG, base_url=url),
            "global.anthropic.claude-sonnet-5-5",
            anthropic.PermissionDeniedError,
        ),
    ],
)
def test_wrong_secrets_are_refused(
    sim: Simulator, prompt: MakeJson, make: Callable[[str], Any], model: str, error: type[Exception]
) -> None:
    with make(sim.url) as client, pytest.raises(error, match="does not match"):
        client.messages.create(**prompt(model=model))
    assert sim.entries() == []


def runtime(sim: Simulator, secret: str = PAIR["aws_secret_key"]) -> Any:
    """Boto3's client of Bedrock's runtime."""
    return boto3.client(
        "bedrock-runtime",
        region_name="eu-west-1",
        endpoint_url=sim.url,
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key=secret,
        config=Config(retries={"total_max_attempts": 1}),
    )


def test_boto3_invoke_model(sim: Simulator, prompt: MakeJson) -> None:
    client = runtime(sim)
    content = json.dumps({**prompt(), **VERSION})
    usages = []
    for _ in range(2):
        reply = client.invoke_model(modelId=PROFILE, body=content)
        usages.append(json.loads(reply["body"].read())["usage"])
    client.close()
    assert usages[0]["cache_creation_input_tokens"] == 2000
    assert usages[1]["cache_read_input_tokens"] == 2000


def test_boto3_invoke_model_with_response_stream(sim: Simulator, prompt: MakeJson) -> None:
    client = runtime(sim)
    content = json.dumps({**prompt(max_tokens=3), **VERSION})
    reply = client.invoke_model_with_response_stream(modelId=PROFILE, body=content)
    kinds = [json.loads(event["chunk"]["bytes"])["type"] for event in reply["body"]]
    client.close()
    assert kinds[0] == "message_start"
    assert kinds[-1] == "message_stop"
    assert kinds.count("content_block_delta") == 3


def test_boto3_sees_the_runtimes_own_errors(sim: Simulator, prompt: MakeJson) -> None:
    client, stranger = runtime(sim), runtime(sim, "other")
    content = json.dumps({**prompt(), **VERSION})
    with pytest.raises(client.exceptions.ValidationException):
        client.invoke_model(modelId=PROFILE, body="{}")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        client.invoke_model(modelId="us.anthropic.claude-nothing-9", body=content)
    sim.inject(status=429, count=1)
    with pytest.raises(client.exceptions.ThrottlingException):
        client.invoke_model(modelId=PROFILE, body=content)
    with pytest.raises(ClientError, match="UnrecognizedClientException"):
        stranger.invoke_model(modelId=PROFILE, body=content)
    client.close()
    stranger.close()


def test_regions_of_bedrock_share_nothing(sim: Simulator, prompt: MakeJson) -> None:
    other = {**PAIR, "aws_region": "us-west-2"}
    read = []
    for pair in (PAIR, other, PAIR):
        with anthropic.AnthropicBedrockMantle(**pair, base_url=sim.mantle_url) as client:
            reply = client.messages.create(**prompt(model="anthropic.claude-sonnet-5-5"))
            read.append(reply.usage.cache_read_input_tokens > 0)
    assert read == [False, False, True]


def identity(
    token: str = "h.p.s", workspace: str | None = "default", organization: str = ""
) -> anthropic.WorkloadIdentityCredentials:
    """Workload identity, as a Lambda function has it."""
    return anthropic.WorkloadIdentityCredentials(
        identity_token_provider=lambda: token,
        federation_rule_id="fdrl_1",
        organization_id=organization or Principal.organization,
        workspace_id=workspace,
    )


def test_workload_identity_shares_the_cache_of_its_workspace(
    sim: Simulator, prompt: MakeJson
) -> None:
    request = prompt(model="claude-sonnet-5-5")
    with anthropic.Anthropic(api_key="key", base_url=sim.url) as client:
        written = client.messages.create(**request).usage.cache_creation_input_tokens
    with (
        identity() as credentials,
        anthropic.Anthropic(credentials=credentials, base_url=sim.url) as client,
    ):
        assert client.messages.create(**request).usage.cache_read_input_tokens == written
    assert [request["path"] for request in sim.requests()[1:]] == [
        "/v1/oauth/token",
        "/v1/messages",
    ]


def test_an_expired_access_token_is_refused(sim: Simulator, prompt: MakeJson) -> None:
    request = prompt(model="claude-sonnet-5-5")
    with identity() as credentials:
        credentials.bind_base_url(sim.url)
        token = credentials().token
    sim.advance(3600)
    with (
        anthropic.Anthropic(auth_token=token, base_url=sim.url, max_retries=0) as client,
        pytest.raises(anthropic.AuthenticationError, match="expired"),
    ):
        client.messages.create(**request)


@pytest.mark.parametrize(
    "change", [{"token": "nonsense"}, {"workspace": "wrkspc_other"}, {"organization": "another"}]
)
def test_unknown_identities_get_no_token(sim: Simulator, change: dict[str, str]) -> None:
    with identity(**change) as credentials:
        credentials.bind_base_url(sim.url)
        with pytest.raises(anthropic.AnthropicError, match="invalid_grant"):
            credentials()
