"""What the errors and replies of users' clients mean for a warm call."""

from __future__ import annotations

from typing import Any

import anthropic
import boto3
import httpx2
import pytest
from botocore.stub import Stubber

from prefixwarm import Prefix, Warmer, WarmResult
from prefixwarm.errors import UsageError
from prefixwarm.testing import RecordingTransport

MODEL = "claude-sonnet-5-5"
SYSTEM = "You are a helper. " * 400


def warmed(client: Any, **changes: Any) -> WarmResult:
    """What one warm call gives."""
    prefix = Prefix("support", **{"model": MODEL, "system": SYSTEM, **changes})
    return Warmer(client, prefix).warm("support")


class Failing:
    """A client that raises."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def send(self, request: Any) -> Any:
        """Raise it."""
        raise self.error


class Status(Exception):  # noqa: N818 - as some clients name theirs
    """An error of a client that names its status."""

    def __init__(self, status_code: int) -> None:
        self.status_code = status_code
        self.type = "overloaded_error"
        super().__init__("secret text of the prompt")


@pytest.mark.parametrize(
    ("error", "reason", "cost"),
    [
        (TimeoutError("secret"), "no reply came in time", None),
        (ConnectionResetError("secret"), "the connection to the provider broke", None),
        (Status(529), "HTTP 529 overloaded_error", 0.0),
        (ValueError("secret"), "unexpected ValueError in send", None),
    ],
)
def test_errors_of_an_object(error: Exception, reason: str, cost: float | None) -> None:
    """Named without their text, which may quote a prompt; what may have been billed is unknown."""
    result = warmed(Failing(error))
    assert (result.outcome, result.reason, result.cost_usd) == ("failed", reason, cost)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ({}, "the reply has no usage"),
        ("text", "the reply has no usage"),
        (None, "the reply has no usage"),
        ({"usage": {"input_tokens": "many"}}, "usage.input_tokens is not a token count"),
        ({"usage": {"input_tokens": 5}}, "nothing was cached"),
    ],
)
def test_replies_of_an_object(reply: Any, reason: str) -> None:
    """Of any kind: none of them is taken for a success."""

    class Sender:
        def send(self, request: Any) -> Any:
            return reply

    result = warmed(Sender())
    assert not result.ok
    assert result.reason.startswith(reason)


def sdk(answer: Any) -> anthropic.Anthropic:
    """A client of the SDK whose requests are answered here."""
    http = httpx2.Client(transport=httpx2.MockTransport(answer))
    return anthropic.Anthropic(api_key="k", http_client=http, max_retries=0)


def refused(request: Any) -> Any:
    """No connection."""
    raise httpx2.ConnectError("secret", request=request)


def late(request: Any) -> Any:
    """No reply."""
    raise httpx2.ReadTimeout("secret", request=request)


def cut(request: Any) -> Any:
    """Half a reply."""
    raise httpx2.RemoteProtocolError("secret", request=request)


def limited(request: Any) -> Any:
    """Too many requests."""
    body = {"type": "error", "error": {"type": "rate_limit_error", "message": "secret"}}
    return httpx2.Response(429, json=body, headers={"retry-after": "7"})


@pytest.mark.parametrize(
    ("answer", "reason", "calls"),
    [
        (refused, "the provider cannot be reached", 0),
        (late, "the provider did not answer in time", 1),
        (cut, "the connection to the provider broke", 1),
        (limited, "HTTP 429 rate_limit_error", 1),
    ],
)
def test_errors_of_the_sdk(answer: Any, reason: str, calls: int) -> None:
    """As those of the deployed parts: what was not sent costs nothing."""
    with sdk(answer) as client:
        result = warmed(client)
    assert (result.outcome, result.reason, result.calls) == ("failed", reason, calls)


def test_an_sdk_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent."""
    for name in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "ANTHROPIC_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", "/nonexistent")
    with anthropic.Anthropic(base_url="http://127.0.0.1:9") as client:
        result = warmed(client)
    assert (result.outcome, result.calls) == ("failed", 0)
    assert "credentials" in result.reason


@pytest.mark.parametrize(
    ("code", "status", "reason"),
    [
        ("ThrottlingException", 429, "HTTP 429 ThrottlingException"),
        ("AccessDeniedException", 403, "HTTP 403 AccessDeniedException"),
    ],
)
def test_errors_of_boto3(code: str, status: int, reason: str) -> None:
    """By their code."""
    client = boto3.client(
        "bedrock-runtime",
        region_name="eu-west-1",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="secret",
    )
    with Stubber(client) as stubber:
        stubber.add_client_error("converse", code, "secret", http_status_code=status)
        result = warmed(client, route="bedrock-converse", model=f"global.anthropic.{MODEL}")
    assert (result.outcome, result.reason) == ("failed", reason)


@pytest.mark.slow
def test_boto3_without_credentials_or_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was sent."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    route = {"route": "bedrock-converse", "model": f"global.anthropic.{MODEL}"}
    # boto3's own session may hold credentials already.
    session = boto3.Session()
    bare = session.client("bedrock-runtime", region_name="eu-west-1")
    keys = {"aws_access_key_id": "AKIAEXAMPLE", "aws_secret_access_key": "secret"}
    nowhere = session.client(
        "bedrock-runtime", region_name="eu-west-1", endpoint_url="http://127.0.0.1:9", **keys
    )
    for client, says in ((bare, "boto3 has no credentials"), (nowhere, "cannot be reached")):
        result = warmed(client, **route)
        assert (result.outcome, result.calls, result.cost_usd) == ("failed", 0, 0.0)
        assert says in result.reason


def test_an_asynchronous_reply_of_a_synchronous_object() -> None:
    """Is told apart from an answer."""

    class Sender:
        def send(self, request: Any) -> Any:
            async def reply() -> None: ...

            return reply()

    assert "use AsyncWarmer" in warmed(Sender()).reason


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 2000}}, "thinking budget"),
        ({"name": "Support!"}, "use 1 to 64 of a-z"),
        ({"route": "somewhere"}, "somewhere"),
    ],
)
def test_prefixes_that_cannot_be_warmed(changes: dict[str, Any], says: str) -> None:
    """Are refused when the warmer is made, not when it warms."""
    options = {"name": "support", "model": MODEL, "system": SYSTEM, **changes}
    with pytest.raises(UsageError, match=says):
        Warmer(RecordingTransport(), Prefix(options.pop("name"), **options))
