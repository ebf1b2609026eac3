"""Credentials: static keys, the container endpoint, and what a secret may hold."""

from __future__ import annotations

import json
from datetime import datetime, timedelta, timezone
from typing import TYPE_CHECKING

import pytest

from prefixwarm.errors import CredentialsError
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.credentials import aws_credentials, fetch_secret
from prefixwarm.wire.http import HttpTransport
from prefixwarm.wire.sigv4 import AwsCredentials

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.wire.deadline import Deadline
    from tests.unit.loopback import Peer, Serve, Server

SECRET = "arn:aws:secretsmanager:us-west-2:123456789012:secret:key-AbCdEf"
CONTAINER = "AWS_CONTAINER_CREDENTIALS_FULL_URI"


def container(serve: Serve, *lives: timedelta | None) -> Server:
    """An endpoint whose keys live that long, one after another."""
    left = list(lives)

    def answer(peer: Peer) -> None:
        while True:
            peer.request()
            life = left.pop(0)
            keys = {
                "AccessKeyId": f"AKID{len(left)}",
                "SecretAccessKey": "secret",
                "Token": "token",
            }
            if life is not None:
                end = datetime.now(timezone.utc) + life
                keys["Expiration"] = end.strftime("%Y-%m-%dT%H:%M:%SZ")
            peer.reply(json.dumps(keys).encode())

    return serve(answer)


def test_static_keys(soon: Deadline) -> None:
    """Keys of the environment are used as they are, with their token or without."""
    environ = {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b", "AWS_SESSION_TOKEN": "c"}
    expected = AwsCredentials(access_key="a", secret_key="b", token="c")
    assert aws_credentials(environ, HttpTransport({}))(soon) == expected
    environ["AWS_SESSION_TOKEN"] = ""
    assert aws_credentials(environ, HttpTransport({}))(soon).token is None


def test_the_container_is_asked_once(serve: Serve, soon: Deadline) -> None:
    """With its token, and only when there are no static keys."""
    server = container(serve, timedelta(hours=1))
    environ = {
        CONTAINER: f"{server.url}/creds?x=1",
        "AWS_CONTAINER_AUTHORIZATION_TOKEN": "Basic abc",
    }
    transport = HttpTransport({})
    current = aws_credentials(environ, transport)
    expected = AwsCredentials(access_key="AKID0", secret_key="secret", token="token")
    assert [current(soon), current(soon)] == [expected, expected]
    assert len(server.requests) == 1
    assert server.requests[0][0].startswith("GET /creds?x=1 HTTP/1.1")
    assert "Authorization: Basic abc" in server.requests[0][0]
    static = {**environ, "AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}
    assert aws_credentials(static, transport)(soon).access_key == "a"
    transport.close()


def test_keys_are_renewed_before_they_end(serve: Serve, soon: Deadline) -> None:
    """Five minutes before; keys without an end are kept."""
    server = container(serve, timedelta(minutes=4), timedelta(minutes=-1), None)
    transport = HttpTransport({})
    current = aws_credentials({CONTAINER: server.url}, transport)
    assert [current(soon).access_key for _ in range(5)] == ["AKID2", "AKID1", *["AKID0"] * 3]
    transport.close()


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"not json",
        b"\xff",
        b'{"AccessKeyId": "a"}',
        b'{"AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": "soon"}',
        b'{"AccessKeyId": "a", "SecretAccessKey": "b", "Expiration": 5}',
        b'{"code": "AccessDenied"}',
    ],
)
def test_a_container_without_keys(serve: Serve, soon: Deadline, reply: bytes) -> None:
    """Whatever it says instead, there are no credentials."""
    server = serve(lambda peer: (peer.request(), peer.reply(reply, Connection="close")))
    current = aws_credentials({CONTAINER: server.url}, HttpTransport({}))
    with pytest.raises(CredentialsError, match="gave no keys"):
        current(soon)


def test_a_container_that_is_gone(soon: Deadline) -> None:
    """Nothing listens there."""
    current = aws_credentials({CONTAINER: "http://127.0.0.1:1/"}, HttpTransport({}))
    with pytest.raises(CredentialsError, match="gave no keys"):
        current(soon)


@pytest.mark.parametrize("environ", [{}, {"AWS_ACCESS_KEY_ID": "a"}, {CONTAINER: ""}])
def test_no_credentials_at_all(soon: Deadline, environ: dict[str, str]) -> None:
    """The message names the variables."""
    with pytest.raises(CredentialsError, match=f"AWS_ACCESS_KEY_ID nor {CONTAINER} is set"):
        aws_credentials(environ, HttpTransport({}))(soon)


def holding(serve: Serve, reply: Mapping[str, object]) -> AwsClient:
    """A client of services that give this one reply."""

    def answer(peer: Peer) -> None:
        peer.request()
        peer.reply(json.dumps(reply).encode(), Connection="close")

    return AwsClient(
        transport=HttpTransport({}),
        credentials=lambda _until: AwsCredentials(access_key="a", secret_key="b"),
        environ={"AWS_ENDPOINT_URL": serve(answer).url, "AWS_REGION": "eu-west-1"},
    )


@pytest.mark.parametrize(
    "text",
    [
        "sk-ant-api03-x",
        "  sk-ant-api03-x\n",
        '{"api_key": "sk-ant-api03-x", "other": "y"}',
        ' {"ANTHROPIC_API_KEY": "sk-ant-api03-x\\n", "a": 1}',
        '{"whatever": "sk-ant-api03-x"}',
    ],
)
def test_finds_the_key_in_its_secret(serve: Serve, soon: Deadline, text: str) -> None:
    """The key itself, or JSON that holds it."""
    assert fetch_secret(SECRET, holding(serve, {"SecretString": text}), soon) == "sk-ant-api03-x"
    parameter = holding(serve, {"Parameter": {"Value": text}})
    assert fetch_secret("/my/key", parameter, soon) == "sk-ant-api03-x"


@pytest.mark.parametrize(
    "reply",
    [
        {},
        {"SecretBinary": "c2stYW50"},
        {"SecretString": None},
        {"SecretString": ""},
        {"SecretString": " \n"},
        {"SecretString": "{"},
        {"SecretString": "{}"},
        {"SecretString": '{"a": "hush-hush", "b": "hush-hush"}'},
        {"SecretString": '{"api_key": 5}'},
        {"SecretString": '{"api_key": ""}'},
        {"SecretString": "hush-hush\nhush-hush"},
        {"SecretString": "hush-hush…"},
    ],
)
def test_refuses_secrets_without_a_key(
    serve: Serve, soon: Deadline, reply: dict[str, object]
) -> None:
    """One line names the secret, never what is in it."""
    with pytest.raises(CredentialsError, match=SECRET) as caught:
        fetch_secret(SECRET, holding(serve, reply), soon)
    assert "hush" not in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("reference", ["arn:aws:s3:::bucket", "arn:", "arn:aws:iam::1:role/x"])
def test_refuses_other_arns(serve: Serve, soon: Deadline, reference: str) -> None:
    """Nothing is asked for an ARN that can hold no key."""
    with pytest.raises(CredentialsError, match="is not a secret or parameter; give"):
        fetch_secret(reference, holding(serve, {}), soon)
