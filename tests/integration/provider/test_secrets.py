"""The provider's key from Secrets Manager and Parameter Store, by our own signed calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from prefixwarm.errors import CredentialsError
from prefixwarm.wire.credentials import fetch_secret

if TYPE_CHECKING:
    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.wire.aws import AwsClient
    from prefixwarm.wire.deadline import Deadline

KEY = "sk-ant-api03-integration"


@pytest.fixture
def secrets(aws: LocalAws) -> Any:
    """A client of Secrets Manager."""
    return aws.client("secretsmanager")


@pytest.fixture
def parameters(aws: LocalAws) -> Any:
    """A client of Parameter Store."""
    return aws.client("ssm")


@pytest.mark.parametrize("text", [KEY, f'{{"api_key": "{KEY}"}}'])
def test_reads_a_secret(secrets: Any, signed: AwsClient, soon: Deadline, text: str) -> None:
    """By its ARN, the key itself or JSON."""
    arn = secrets.create_secret(Name=f"key-{uuid4().hex}", SecretString=text)["ARN"]
    assert fetch_secret(arn, signed, soon) == KEY


def test_reads_a_secret_that_has_rotated(secrets: Any, signed: AwsClient, soon: Deadline) -> None:
    """Nothing is kept between two readings."""
    arn = secrets.create_secret(Name=f"key-{uuid4().hex}", SecretString="old")["ARN"]
    assert fetch_secret(arn, signed, soon) == "old"
    secrets.put_secret_value(SecretId=arn, SecretString="new")
    assert fetch_secret(arn, signed, soon) == "new"


@pytest.mark.parametrize("prefix", ["/team/key-", "key-"])
@pytest.mark.parametrize("kind", ["String", "SecureString"])
def test_reads_a_parameter(
    parameters: Any, signed: AwsClient, soon: Deadline, prefix: str, kind: str
) -> None:
    """By its name, with folders or without, and by its ARN."""
    name = prefix + uuid4().hex
    parameters.put_parameter(Name=name, Value=KEY, Type=kind)
    arn = parameters.get_parameter(Name=name)["Parameter"]["ARN"]
    assert arn.startswith("arn:aws:ssm:us-east-1:")
    assert fetch_secret(name, signed, soon) == KEY
    assert fetch_secret(arn, signed, soon) == KEY


@pytest.mark.parametrize(
    ("reference", "error"),
    [
        (
            "arn:aws:secretsmanager:us-east-1:123456789012:secret:none-AbCdEf",
            "ResourceNotFoundException",
        ),
        ("/no/such/parameter", "ParameterNotFound"),
        ("arn:aws:ssm:us-east-1:123456789012:parameter/none", "ParameterNotFound"),
    ],
)
def test_a_secret_that_is_not_there(
    signed: AwsClient, soon: Deadline, reference: str, error: str
) -> None:
    """The message names it, and what the service said."""
    with pytest.raises(CredentialsError, match=f"{reference}: cannot be read: HTTP 400 {error}"):
        fetch_secret(reference, signed, soon)


def test_a_binary_secret(secrets: Any, signed: AwsClient, soon: Deadline) -> None:
    """A key is text."""
    arn = secrets.create_secret(Name=f"key-{uuid4().hex}", SecretBinary=b"\x01")["ARN"]
    with pytest.raises(CredentialsError, match="holds no text"):
        fetch_secret(arn, signed, soon)
