"""Fetches credentials: AWS keys from Lambda's environment, the API key from its secret."""

from __future__ import annotations

from time import time

from prefixwarm.errors import CredentialsError, TransportError
from prefixwarm.wire.accelerated import loads
from prefixwarm.wire.aws import AwsError
from prefixwarm.wire.http import Request
from prefixwarm.wire.sigv4 import AwsCredentials

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.wire.aws import AwsClient
    from prefixwarm.wire.deadline import Deadline
    from prefixwarm.wire.http import Transport


_CONTAINER = "http://169.254.170.2"
_RENEW_BEFORE_SECONDS = 300.0


def aws_credentials(
    environ: Mapping[str, str], transport: Transport
) -> Callable[[Deadline], AwsCredentials]:
    """Return a function that returns current AWS credentials.

    It uses static keys in the environment, or else the container endpoint
    (``AWS_CONTAINER_CREDENTIALS_FULL_URI``), SnapStart's only source.

    Raises
    ------
    CredentialsError
        From the returned function, if there is neither source or the endpoint fails.
    """
    access, secret = environ.get("AWS_ACCESS_KEY_ID"), environ.get("AWS_SECRET_ACCESS_KEY")
    if access and secret:
        static = AwsCredentials(
            access_key=access, secret_key=secret, token=environ.get("AWS_SESSION_TOKEN") or None
        )
        return lambda _deadline: static
    return _container_credentials(environ, transport)


def _container_credentials(
    environ: Mapping[str, str], transport: Transport
) -> Callable[[Deadline], AwsCredentials]:
    held: list[tuple[float, AwsCredentials]] = []

    def current(deadline: Deadline) -> AwsCredentials:
        if not held or held[0][0] - _RENEW_BEFORE_SECONDS < time():
            held[:] = [_ask_container(environ, transport, deadline)]
        return held[0][1]

    return current


def _ask_container(
    environ: Mapping[str, str], transport: Transport, deadline: Deadline
) -> tuple[float, AwsCredentials]:
    relative = environ.get("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI")
    url = environ.get("AWS_CONTAINER_CREDENTIALS_FULL_URI") or (relative and _CONTAINER + relative)
    if not url:
        raise CredentialsError(
            "no AWS credentials: neither AWS_ACCESS_KEY_ID nor "
            "AWS_CONTAINER_CREDENTIALS_FULL_URI is set"
        )
    token = environ.get("AWS_CONTAINER_AUTHORIZATION_TOKEN")
    headers = {"Authorization": token} if token else {}
    try:
        response = transport.send(Request(method="GET", url=url, headers=headers), deadline)
        reply = response.json_object("container credentials")
        keys = AwsCredentials(
            access_key=_text(reply["AccessKeyId"]),
            secret_key=_text(reply["SecretAccessKey"]),
            token=_text(reply["Token"]) if reply.get("Token") else None,
        )
        return _expiry(reply.get("Expiration")), keys
    except (TransportError, ValueError, KeyError, TypeError) as error:
        raise CredentialsError("the container credentials endpoint gave no keys") from error


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError("credentials must be text")
    return value


def _expiry(text: str | None) -> float:
    if not text:
        return float("inf")
    from calendar import timegm
    from time import strptime

    return float(timegm(strptime(text[:19], "%Y-%m-%dT%H:%M:%S")))


def fetch_secret(reference: str, aws: AwsClient, deadline: Deadline) -> str:
    """Fetch the provider's API key from Secrets Manager (an ARN) or SSM (an ARN or a name).

    If the secret is a JSON object, the key is its ``api_key`` or ``ANTHROPIC_API_KEY``, or its
    only entry.

    Raises
    ------
    CredentialsError
        The key cannot be fetched; the message names the reference, never the value.
    """
    service = f"{reference}::".split(":")[2] if reference.startswith("arn:") else "ssm"
    try:
        if service == "secretsmanager":
            asked = {"SecretId": reference}
            reply = aws.call(service, "GetSecretValue", asked, deadline, region=_region(reference))
            return _only_value(reply["SecretString"], reference)
        if service == "ssm":
            name = {"Name": reference, "WithDecryption": True}
            reply = aws.call(service, "GetParameter", name, deadline, region=_region(reference))
            return _only_value(reply["Parameter"]["Value"], reference)
    except (TransportError, AwsError) as error:
        raise CredentialsError(f"{reference}: cannot be read: {error}") from error
    except (KeyError, TypeError) as error:
        raise CredentialsError(f"{reference}: holds no text") from error
    raise CredentialsError(
        f"{reference}: is not a secret or parameter; give the ARN of a Secrets Manager "
        "secret, or the name or ARN of an SSM parameter"
    )


def _region(reference: str) -> str | None:
    parts = reference.split(":")
    return parts[3] or None if len(parts) > 3 and parts[0] == "arn" else None


def _only_value(text: object, reference: str) -> str:
    value = text
    if isinstance(text, str) and text.lstrip().startswith("{"):
        try:
            value = _field(loads(text.encode()))
        except ValueError as error:
            raise CredentialsError(f"{reference}: is neither a key nor JSON") from error
    key = value.strip() if isinstance(value, str) else ""
    if not key or not key.isascii() or not key.isprintable():
        raise CredentialsError(
            f"{reference}: holds no key; store the key itself or JSON with the field api_key"
        )
    return key


def _field(fields: dict[str, object]) -> object:
    for name in ("api_key", "ANTHROPIC_API_KEY"):
        if name in fields:
            return fields[name]
    return next(iter(fields.values())) if len(fields) == 1 else None
