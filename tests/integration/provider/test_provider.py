"""Warm calls to a simulated provider, by every route and through every refusal."""

from __future__ import annotations

import json
from contextlib import closing
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import anthropic
import boto3
import pytest

from prefixwarm.errors import (
    ConnectError,
    CredentialsError,
    DeadlineError,
    ProtocolError,
    ProviderError,
    SettingsError,
)
from prefixwarm.provider.routes import CONVERSE, ROUTES
from prefixwarm.simulator import AwsKey, Principal, running
from prefixwarm.state.memory import MemoryState
from prefixwarm.state.outcome import Usage
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.simulator import Simulator
    from prefixwarm.wire.aws import AwsClient
    from tests.integration.conftest import Bench

    MakeBench = Callable[..., Bench]


def sdk(route: str, sim: Simulator) -> Any:
    """The SDK's client, as an agent makes it."""
    keys = {"aws_access_key": "AKIDEXAMPLE", "aws_secret_key": "secret", "aws_region": "us-east-1"}
    if route == "anthropic":
        return anthropic.Anthropic(api_key="sk-agent", base_url=sim.url)
    if route == "aws":
        place = {"workspace_id": "wrkspc_default", "base_url": sim.url}
        return anthropic.AnthropicAWS(**place, **keys)
    if route == "bedrock-mantle":
        return anthropic.AnthropicBedrockMantle(base_url=sim.mantle_url, **keys)
    return anthropic.AnthropicBedrock(base_url=sim.url, **keys)


def asked(route: str, sim: Simulator, request: dict[str, Any]) -> Usage:
    """What the agent's own request billed."""
    if route == CONVERSE:
        session = boto3.Session("AKIDEXAMPLE", "secret", region_name="us-east-1")
        with closing(session.client("bedrock-runtime", endpoint_url=sim.url)) as client:
            return Usage.from_response(client.converse(**request)["usage"])
    sent = {k: v for k, v in request.items() if k != "anthropic_version"}
    with sdk(route, sim) as client:
        return Usage.from_response(client.messages.create(**sent).usage.to_dict())


@pytest.mark.parametrize("route", ROUTES)
def test_the_agents_first_request_reads_what_was_warmed(
    bench: MakeBench, sim: Simulator, soon: Deadline, route: str
) -> None:
    """All of it, and writes none; the agent is the real SDK, and signatures are verified."""
    one = bench(route)
    reply = one.provider().send(one.call, one.call.least_tokens, soon)
    warmed = Usage.from_response(reply.usage)
    assert warmed.write_1h > 512
    assert (warmed.read, warmed.write_5m, warmed.output) == (0, 0, one.call.least_tokens)
    assert reply.message_id.startswith("msg_") == (route != CONVERSE)
    usage = asked(route, sim, one.request)
    assert (usage.read, usage.written) == (warmed.write_1h, 0)


@pytest.mark.parametrize("route", ROUTES)
def test_opts_in_to_diagnostics_where_they_are(
    bench: MakeBench, sim: Simulator, soon: Deadline, route: str
) -> None:
    """On the Claude API alone; the entry stays the same."""
    one = bench(route)
    least = one.call.least_tokens
    one.provider().send(one.call, least, soon)
    one.environ["PREFIXWARM_DIAGNOSE"] = "Sample"
    usage = Usage.from_response(one.provider().send(one.call, least, soon).usage)
    assert (usage.read > 512, usage.written) == (True, 0)
    opted = {"diagnostics": {"previous_message_id": None}} if route == "anthropic" else {}
    first, second = [request["body"] for request in sim.requests()]
    assert second == {**first, **opted}


DIAGNOSED = {"contains": '"diagnostics"'}


def test_refused_diagnostics_do_not_harm_a_warm_call(
    bench: MakeBench, sim: Simulator, soon: Deadline
) -> None:
    """It is sent again without, and so are the next ones at once."""
    one = bench()
    one.environ["PREFIXWARM_DIAGNOSE"] = "sample"
    sim.inject(status=400, match=DIAGNOSED)
    provider = one.provider()
    for _ in "ab":
        assert provider.send(one.call, 0, soon).message_id
    asked = [("diagnostics" in r["body"], r["status"]) for r in sim.requests()]
    assert asked == [(True, 400), (False, 200), (False, 200)]


def test_a_400_for_another_reason_keeps_the_diagnostics(
    bench: MakeBench, sim: Simulator, soon: Deadline
) -> None:
    """Such as a refused `max_tokens: 0`, which is the caller's to answer."""
    one = bench()
    one.environ["PREFIXWARM_DIAGNOSE"] = "sample"
    sim.inject(status=400, match={"contains": '"max_tokens":0'})
    provider = one.provider()
    with pytest.raises(ProviderError):
        provider.send(one.call, 0, soon)
    assert provider.send(one.call, 1, soon).message_id
    asked = [("diagnostics" in r["body"], r["status"]) for r in sim.requests()]
    assert asked == [(True, 400), (False, 400), (True, 200)]


def test_both_refused(bench: MakeBench, sim: Simulator) -> None:
    """Zero tokens and the diagnostics: the warm call still gets through."""
    one = bench()
    one.environ["PREFIXWARM_DIAGNOSE"] = "sample"
    sim.inject(status=400, match={"contains": '"max_tokens":0'})
    sim.inject(status=400, match=DIAGNOSED)
    assert one.warm(MemoryState()).ok


@pytest.mark.parametrize("route", [route for route in ROUTES if route != CONVERSE])
def test_every_sender_sends_the_same(
    bench: MakeBench, sim: Simulator, soon: Deadline, route: str
) -> None:
    """The bytes of the prefix file, key order included; only authentication is added."""
    one = bench(route)
    one.provider().send(one.call, 0, soon)
    one.provider().send(one.call, 1, soon)
    first, second = sim.requests()
    assert first["body"]["max_tokens"] == 0
    assert second["body"] == {**first["body"], "max_tokens": 1}
    assert list(first["body"]["tools"][0]["input_schema"]["properties"]) == ["z", "a"]
    assert first["headers"]["content-type"] == "application/json"
    assert first["headers"].get("anthropic-version") == one.call.headers.get("anthropic-version")


def test_converse_is_sent_as_boto3_sends_it(
    bench: MakeBench, sim: Simulator, soon: Deadline
) -> None:
    """Path and body, key order included, but for the limit and the question."""
    one = bench(CONVERSE)
    one.provider().send(one.call, 1, soon)
    asked(CONVERSE, sim, one.request)
    warm, real = sim.requests()
    assert warm["path"] == real["path"]
    assert warm["body"]["inferenceConfig"] == {"maxTokens": 1}
    for name in ("toolConfig", "system"):
        assert json.dumps(warm["body"][name]) == json.dumps(real["body"][name])


@pytest.mark.parametrize(
    ("status", "error_type"),
    [
        (400, "invalid_request_error"),
        (402, "billing_error"),
        (404, "not_found_error"),
        (413, "request_too_large"),
        (500, "api_error"),
        (504, "timeout_error"),
        (529, "overloaded_error"),
    ],
)
def test_errors_are_data(
    bench: MakeBench, sim: Simulator, soon: Deadline, status: int, error_type: str
) -> None:
    """Status and type; never the provider's words, which may quote the prompt."""
    sim.inject(kind="error", status=status, message="the prompt says: hush")
    one = bench()
    with pytest.raises(ProviderError) as caught:
        one.provider().send(one.call, 0, soon)
    error = caught.value
    assert (error.status, error.error_type, error.error_code) == (status, error_type, "")
    assert error.retry_after is None
    assert "hush" not in str(error)
    assert len(sim.requests()) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        (7, 7.0),
        ("0.5", 0.5),
        ("Sat, 01 Jan 2000 00:00:00 GMT", 0.0),
        ("soon", None),
    ],
)
def test_retry_after(
    bench: MakeBench, sim: Simulator, soon: Deadline, text: object, seconds: float | None
) -> None:
    """Seconds, a date, or nothing that can be understood."""
    sim.inject(kind="error", status=429, retry_after=text)
    one = bench()
    with pytest.raises(ProviderError) as caught:
        one.provider().send(one.call, 0, soon)
    assert caught.value.retry_after == seconds


def test_bedrock_names_its_errors_in_a_header(
    bench: MakeBench, sim: Simulator, soon: Deadline
) -> None:
    """Its bodies hold a message only."""
    sim.inject(kind="error", status=429)
    one = bench("bedrock")
    with pytest.raises(ProviderError, match="HTTP 429 ThrottlingException"):
        one.provider().send(one.call, 0, soon)


def test_a_spend_limit_has_its_code(bench: MakeBench, sim: Simulator, soon: Deadline) -> None:
    """A 429 that no waiting of seconds ends."""
    sim.inject(kind="error", status=429, error_code="enforced_spend_limit_reached")
    one = bench()
    with pytest.raises(ProviderError, match="enforced_spend_limit_reached"):
        one.provider().send(one.call, 0, soon)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "reset"}, ProtocolError),
        ({"kind": "lost"}, ProtocolError),
        ({"kind": "malformed"}, ProtocolError),
        ({"kind": "slow", "seconds": 30}, DeadlineError),
    ],
)
def test_replies_that_do_not_come(
    bench: MakeBench, sim: Simulator, fault: dict[str, Any], error: type[Exception]
) -> None:
    """Each is a transport's error, in time."""
    sim.inject(**fault)
    one = bench()
    with pytest.raises(error):
        one.provider().send(one.call, 0, Deadline.after(1))


def test_not_a_messages_api(bench: MakeBench, aws: LocalAws, soon: Deadline) -> None:
    """A base URL that leads elsewhere."""
    one = bench()
    one.environ["ANTHROPIC_BASE_URL"] = aws.url
    with pytest.raises((ProviderError, ProtocolError)):
        one.provider().send(one.call, 0, soon)
    one.environ["ANTHROPIC_BASE_URL"] = "http://127.0.0.1:1"
    with pytest.raises(ConnectError):
        one.provider().send(one.call, 0, soon)
    one.environ["ANTHROPIC_BASE_URL"] = "127.0.0.1"
    with pytest.raises(SettingsError, match="is not a URL"):
        one.provider().send(one.call, 0, soon)


@pytest.mark.parametrize("key", ["", "sk\nX: y", "sk-…"])
def test_no_key_that_can_be_sent(
    bench: MakeBench, sim: Simulator, soon: Deadline, key: str
) -> None:
    """Absent, of two lines, or not ASCII: nothing is sent, and the key is not shown."""
    one = bench()
    one.environ["ANTHROPIC_API_KEY"] = key
    with pytest.raises(CredentialsError) as caught:
        one.provider().send(one.call, 0, soon)
    assert "sk" not in str(caught.value)
    assert sim.requests() == []


@pytest.mark.parametrize("route", ["anthropic", "bedrock"])
def test_a_rotated_key_is_fetched_once_more(
    bench: MakeBench, aws: LocalAws, signed: AwsClient, soon: Deadline, route: str
) -> None:
    """The first refusal fetches it anew; a second refusal is final."""
    client = aws.client("secretsmanager")
    secret = client.create_secret(Name=f"key-{uuid4().hex}", SecretString="sk-old")["ARN"]
    with running(keys={"sk-old": Principal(), "sk-new": Principal()}) as both:
        one = bench(route, at=both)
        one.environ.pop("ANTHROPIC_API_KEY", None)
        provider = one.provider(signed, secret)
        provider.send(one.call, 0, soon)
    client.put_secret_value(SecretId=secret, SecretString="sk-new")
    with running(keys={"sk-new": Principal()}) as rotated:
        one.environ[ROUTES[route].base_url_variable] = rotated.url
        provider.send(one.call, 0, soon)
        refused = 403 if route == "bedrock" else 401
        assert [request["status"] for request in rotated.requests()] == [refused, 200]
    with running(keys={"sk-other": Principal()}) as gone:
        one.environ[ROUTES[route].base_url_variable] = gone.url
        with pytest.raises(ProviderError, match=f"HTTP {refused}"):
            provider.send(one.call, 0, soon)
        assert len(gone.requests()) == 2


def test_a_key_of_the_environment_is_not_fetched(
    bench: MakeBench, sim: Simulator, soon: Deadline
) -> None:
    """And a refusal of it is final."""
    sim.inject(kind="error", status=401)
    one = bench()
    with pytest.raises(ProviderError, match="HTTP 401 authentication_error"):
        one.provider(secret="/no/such/parameter").send(one.call, 0, soon)
    assert len(sim.requests()) == 1


def test_a_wrong_signature(bench: MakeBench, soon: Deadline) -> None:
    """The simulator does verify them."""
    with running(aws_keys={"AKIDEXAMPLE": AwsKey("another")}) as sim:
        one = bench("aws", at=sim)
        with pytest.raises(ProviderError, match="HTTP 401"):
            one.provider().send(one.call, 0, soon)


def test_a_secret_that_is_missing(
    bench: MakeBench, sim: Simulator, signed: AwsClient, soon: Deadline
) -> None:
    """Nothing is sent."""
    one = bench()
    del one.environ["ANTHROPIC_API_KEY"]
    with pytest.raises(CredentialsError, match="/no/such/parameter: cannot be read"):
        one.provider(signed, "/no/such/parameter").send(one.call, 0, soon)
    assert sim.requests() == []
