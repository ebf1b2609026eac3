"""AWS by signed HTTP: where the services are, and what they answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import boto3
import botocore.session
import pytest
from botocore.config import Config

from prefixwarm.errors import ProtocolError, SettingsError
from prefixwarm.wire.aws import AwsClient, AwsError, endpoint, region_of
from prefixwarm.wire.http import HttpTransport
from prefixwarm.wire.sigv4 import AwsCredentials

if TYPE_CHECKING:
    from prefixwarm.wire.deadline import Deadline
    from tests.unit.loopback import Peer, Serve

SERVICES = ("dynamodb", "secretsmanager", "ssm", "sts")


def a_region_of_each_partition() -> list[str]:
    """The first and the last region that botocore knows, partition by partition."""
    session = botocore.session.Session()
    chosen: set[str] = set()
    for partition in session.get_available_partitions():
        regions = sorted(session.get_available_regions("dynamodb", partition))
        chosen |= {*regions[:1], *regions[-1:]}
    return sorted(chosen)


@pytest.mark.parametrize("fips", [False, True])
@pytest.mark.parametrize("region", a_region_of_each_partition())
def test_endpoints_are_those_of_botocore(region: str, fips: bool) -> None:
    """Every partition, with and without FIPS."""
    config = Config(use_fips_endpoint=fips)
    environ = {"AWS_USE_FIPS_ENDPOINT": "true"} if fips else {}
    for service in SERVICES:
        client = boto3.client(
            service,
            region_name=region,
            config=config,
            aws_access_key_id="a",
            aws_secret_access_key="b",
        )
        assert endpoint(service, region, environ) == client.meta.endpoint_url


@pytest.mark.parametrize(
    ("service", "environ", "expected"),
    [
        ("dynamodb", {"AWS_ENDPOINT_URL": "http://h:1/"}, "http://h:1"),
        (
            "dynamodb",
            {"AWS_ENDPOINT_URL": "http://h:1", "AWS_ENDPOINT_URL_DYNAMODB": "http://d:2"},
            "http://d:2",
        ),
        ("ssm", {"AWS_ENDPOINT_URL_DYNAMODB": "http://d:2"}, "https://ssm.eu-west-1.amazonaws.com"),
        ("ssm", {"AWS_ENDPOINT_URL_SSM": "http://s:3"}, "http://s:3"),
        ("secretsmanager", {"AWS_ENDPOINT_URL_SECRETS_MANAGER": "http://m:4"}, "http://m:4"),
        (
            "ssm",
            {"AWS_ENDPOINT_URL": "http://h:1", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "TRUE"},
            "https://ssm.eu-west-1.amazonaws.com",
        ),
        (
            "ssm",
            {"AWS_ENDPOINT_URL": "http://h:1", "AWS_USE_FIPS_ENDPOINT": "true"},
            "http://h:1",
        ),
    ],
)
def test_honours_the_overrides_of_the_sdks(
    service: str, environ: dict[str, str], expected: str
) -> None:
    """A service's own variable, then the general one, unless they are to be ignored."""
    assert endpoint(service, "eu-west-1", environ) == expected


def test_the_region_comes_from_the_environment() -> None:
    """Lambda's variable first."""
    assert region_of({"AWS_REGION": "a", "AWS_DEFAULT_REGION": "b"}) == "a"
    assert region_of({"AWS_REGION": "", "AWS_DEFAULT_REGION": "b"}) == "b"
    with pytest.raises(SettingsError, match="AWS_REGION is not set; set it"):
        region_of({})


def client_of(url: str) -> AwsClient:
    """A client whose services are all at one address."""
    environ = {"AWS_ENDPOINT_URL": url, "AWS_REGION": "eu-west-1"}
    keys = AwsCredentials(access_key="AKID", secret_key="secret")
    return AwsClient(transport=HttpTransport({}), credentials=lambda _until: keys, environ=environ)


def test_calls_an_operation(serve: Serve, soon: Deadline) -> None:
    """The JSON protocol's headers, the parameters as they are, another region where named."""
    server = serve(lambda peer: (peer.request(), peer.reply(b'{"Item": {}}', Connection="close")))
    client = client_of(server.url)
    reply = client.call("dynamodb", "GetItem", {"Key": {"é": 1}}, soon)
    assert reply["Item"] == {}
    assert reply["ResponseMetadata"]["HTTPHeaders"]["connection"] == "close"
    client.call("ssm", "GetParameter", {}, soon, region="us-east-2")
    (first, body), (second, _) = server.requests
    assert "Content-Type: application/x-amz-json-1.0" in first
    assert "X-Amz-Target: DynamoDB_20120810.GetItem" in first
    assert "/eu-west-1/dynamodb/aws4_request" in first
    assert json.loads(body) == {"Key": {"é": 1}}
    assert "X-Amz-Target: AmazonSSM.GetParameter" in second
    assert "/us-east-2/ssm/aws4_request" in second


def test_an_error_keeps_its_name_and_body(serve: Serve, soon: Deadline) -> None:
    """The namespace before the name says nothing."""
    error = {"__type": "com.amazonaws.dynamodb.v20120810#ThrottlingException", "Item": {"a": 1}}

    def answer(peer: Peer) -> None:
        peer.request()
        peer.reply(json.dumps(error).encode(), 400, Connection="close")

    with pytest.raises(AwsError, match="HTTP 400 ThrottlingException") as caught:
        client_of(serve(answer).url).call("dynamodb", "GetItem", {}, soon)
    assert caught.value.reply["Item"] == {"a": 1}


@pytest.mark.parametrize(
    ("status", "problem"),
    [(200, "dynamodb: HTTP 200 without a JSON object"), (503, "HTTP 503")],
)
@pytest.mark.parametrize("body", [b"<html>", b"[]", b"\xff", b"[" * 50_000])
def test_a_reply_that_is_not_aws(
    serve: Serve, soon: Deadline, status: int, problem: str, body: bytes
) -> None:
    """A gateway's page is named by its status; with 5xx it is an error of the service."""

    def answer(peer: Peer) -> None:
        peer.request()
        peer.reply(body, status, Connection="close")

    kind = AwsError if status >= 500 else ProtocolError
    with pytest.raises(kind, match=problem):
        client_of(serve(answer).url).call("dynamodb", "GetItem", {}, soon)
