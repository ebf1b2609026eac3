"""Identity tokens: from STS, which is asked as boto3 asks it, or from the SDK's variables."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import boto3
import pytest
from botocore.config import Config

from prefixwarm.errors import CredentialsError
from prefixwarm.provider.identity import AUDIENCE, LIFETIME_SECONDS, identity_token
from prefixwarm.simulator import http_types, sigv4_verify
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.http import HttpTransport
from prefixwarm.wire.sigv4 import AwsCredentials

if TYPE_CHECKING:
    from pathlib import Path

    from prefixwarm.wire.deadline import Deadline
    from tests.unit.loopback import Peer, Serve, Server

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJ4In0.c2lnbmF0dXJl-_"
GRANTED = f"""<GetWebIdentityTokenResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <GetWebIdentityTokenResult>
    <WebIdentityToken>{JWT}</WebIdentityToken>
    <Expiration>2026-11-21T00:05:00Z</Expiration>
  </GetWebIdentityTokenResult>
  <ResponseMetadata><RequestId>1</RequestId></ResponseMetadata>
</GetWebIdentityTokenResponse>"""
REFUSED = """<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>{}</Code><Message>about {}</Message></Error>
  <RequestId>1</RequestId>
</ErrorResponse>"""


def sts(serve: Serve, reply: str = GRANTED, status: int = 200) -> Server:
    """A regional STS that refuses what is not signed for it."""

    def answer(peer: Peer) -> None:
        head, body = peer.request()
        first, *lines = head.strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = dict(line.split(": ", 1) for line in lines)
        headers = {name.lower(): value for name, value in headers.items()}
        request = http_types.Request(method, path, "", headers, body)
        auth = sigv4_verify.parse(headers["authorization"])
        assert (auth.key, auth.region) == ("AKID", "eu-west-1")
        sigv4_verify.verify(request, auth, "secret", "sts")
        peer.reply(reply.encode(), status, Connection="close")

    return serve(answer)


def client(server: Server) -> AwsClient:
    """A client whose STS is this server."""
    environ = {"AWS_ENDPOINT_URL_STS": server.url, "AWS_REGION": "eu-west-1"}
    keys = AwsCredentials(access_key="AKID", secret_key="secret", token="session")
    return AwsClient(transport=HttpTransport({}), credentials=lambda _until: keys, environ=environ)


def test_sts_is_asked_as_boto3_asks_it(serve: Serve, soon: Deadline) -> None:
    """The same fields and content type, signed; and boto3 reads the same token from the reply."""
    server = sts(serve)
    token = identity_token(client(server), {}, soon)
    real = boto3.client(
        "sts",
        endpoint_url=server.url,
        region_name="eu-west-1",
        aws_access_key_id="AKID",
        aws_secret_access_key="secret",
        config=Config(retries={"total_max_attempts": 1}),
    )
    asked = {"SigningAlgorithm": "RS256", "DurationSeconds": LIFETIME_SECONDS}
    assert real.get_web_identity_token(Audience=[AUDIENCE], **asked)["WebIdentityToken"] == token
    assert token == JWT
    (ours, our_body), (theirs, their_body) = server.requests
    assert parse_qs(our_body.decode()) == parse_qs(their_body.decode())
    line = "content-type: application/x-www-form-urlencoded; charset=utf-8"
    assert line in ours.lower()
    assert line in theirs.lower()
    assert "x-amz-security-token: session" in ours.lower()
    real.close()


@pytest.mark.parametrize(
    ("code", "status", "message"),
    [
        (
            "OutboundWebIdentityFederationDisabledException",
            403,
            "outbound web identity federation is off in this AWS account; switch it on: aws iam",
        ),
        ("OutboundWebIdentityFederationDisabled", 403, "federation is off in this AWS account"),
        ("AccessDenied", 403, "HTTP 403 AccessDenied; allow this role sts:GetWebIdentityToken"),
        ("ExpiredToken", 403, "STS gave no identity token: HTTP 403 ExpiredToken$"),
        ("Throttling", 400, "HTTP 400 Throttling$"),
        ("x" * 999, 400, f"HTTP 400 {'x' * 80}$"),
    ],
)
def test_what_sts_refuses(
    serve: Serve, soon: Deadline, code: str, status: int, message: str
) -> None:
    """One line says what to switch on or to allow; the service's message is left out."""
    server = sts(serve, REFUSED.format(code, "hush"), status)
    with pytest.raises(CredentialsError, match=message) as caught:
        identity_token(client(server), {}, soon)
    assert "hush" not in str(caught.value)
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("reply", "status"),
    [("", 200), ("<html>", 200), ("<WebIdentityToken/>", 200), (GRANTED, 500), ("\xff", 503)],
)
def test_replies_without_a_token(serve: Serve, soon: Deadline, reply: str, status: int) -> None:
    """Named by their status."""
    with pytest.raises(CredentialsError, match=f"STS gave no identity token: HTTP {status}$"):
        identity_token(client(sts(serve, reply, status)), {}, soon)


def test_sts_out_of_reach(soon: Deadline) -> None:
    """As in a VPC without a way out: the message names the region."""
    environ = {"AWS_ENDPOINT_URL": "http://127.0.0.1:1", "AWS_REGION": "eu-west-1"}
    keys = AwsCredentials(access_key="a", secret_key="b")
    aws = AwsClient(transport=HttpTransport({}), credentials=lambda _: keys, environ=environ)
    with pytest.raises(CredentialsError, match="STS in eu-west-1 cannot be reached: "):
        identity_token(aws, {}, soon)


def test_the_sdks_own_variables_come_first(serve: Serve, soon: Deadline, tmp_path: Path) -> None:
    """The file, read each time, then the token itself; STS is not asked."""
    server = sts(serve)
    file = tmp_path / "token"
    file.write_text("from-file\n")
    environ = {"ANTHROPIC_IDENTITY_TOKEN_FILE": str(file), "ANTHROPIC_IDENTITY_TOKEN": "itself"}
    assert identity_token(client(server), environ, soon) == "from-file"
    file.write_text("rotated")
    assert identity_token(client(server), environ, soon) == "rotated"
    file.unlink()
    with pytest.raises(CredentialsError, match=f"ANTHROPIC_IDENTITY_TOKEN_FILE: {file} cannot be"):
        identity_token(client(server), environ, soon)
    del environ["ANTHROPIC_IDENTITY_TOKEN_FILE"]
    assert identity_token(client(server), environ, soon) == "itself"
    assert server.requests == []
