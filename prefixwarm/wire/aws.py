"""Calls AWS services by signed HTTP: endpoints, signed posts, JSON-protocol operations."""

from __future__ import annotations

from time import time

from prefixwarm.errors import ProtocolError, ProviderError, SettingsError
from prefixwarm.wire.accelerated import dumps
from prefixwarm.wire.http import Request
from prefixwarm.wire.record import Record
from prefixwarm.wire.sigv4 import AwsCredentials, sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import Any

    from prefixwarm.wire.deadline import Deadline
    from prefixwarm.wire.http import Response, Transport


_TARGETS = {
    "dynamodb": ("DynamoDB_20120810", "application/x-amz-json-1.0"),
    "secretsmanager": ("secretsmanager", "application/x-amz-json-1.1"),
    "ssm": ("AmazonSSM", "application/x-amz-json-1.1"),
}
_SUFFIXES = {
    "cn-": "amazonaws.com.cn",
    "eusc-": "amazonaws.eu",
    "us-iso-": "c2s.ic.gov",
    "us-isob-": "sc2s.sgov.gov",
    "us-isof-": "csp.hci.ic.gov",
    "eu-isoe-": "cloud.adc-e.uk",
}
_TRUE = ("1", "true", "yes", "on")


def region_of(environ: Mapping[str, str]) -> str:
    """Return the AWS region set in the environment.

    Raises
    ------
    SettingsError
        No region is set.
    """
    region = environ.get("AWS_REGION") or environ.get("AWS_DEFAULT_REGION")
    if not region:
        raise SettingsError("AWS_REGION is not set; set it to the region of the warm state")
    return region


def partition_suffix(region: str) -> str:
    """The domain of a region's endpoints."""
    return next((s for start, s in _SUFFIXES.items() if region.startswith(start)), "amazonaws.com")


def endpoint(service: str, region: str, environ: Mapping[str, str]) -> str:
    """Return a service's endpoint, honouring the same overrides as AWS SDKs.

    ``AWS_ENDPOINT_URL_<SERVICE>``, then ``AWS_ENDPOINT_URL`` (unless
    ``AWS_IGNORE_CONFIGURED_ENDPOINT_URLS``), then ``AWS_USE_FIPS_ENDPOINT``.
    """
    if environ.get("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "").lower() not in _TRUE:
        name = "AWS_ENDPOINT_URL"
        override = environ.get(f"{name}_{_override_name(service)}") or environ.get(name)
        if override:
            return override.rstrip("/")
    fips = "-fips" if environ.get("AWS_USE_FIPS_ENDPOINT", "").lower() in _TRUE else ""
    if service in ("ssm", "sts") and region.startswith("us-gov-"):
        fips = ""  # their only endpoint there is a FIPS endpoint
    return f"https://{service}{fips}.{region}.{partition_suffix(region)}"


def _override_name(service: str) -> str:
    names = {"secretsmanager": "SECRETS_MANAGER"}
    return names.get(service) or service.upper().replace("-", "_")


class AwsClient(Record):
    """Calls AWS's services with signed requests.

    `credentials` is a function because container credentials expire and are fetched on first use.
    """

    transport: Transport
    credentials: Callable[[Deadline], AwsCredentials]
    environ: Mapping[str, str]

    def call(
        self,
        service: str,
        operation: str,
        parameters: Mapping[str, Any],
        deadline: Deadline,
        *,
        region: str | None = None,
    ) -> dict[str, Any]:
        """Call one operation and return its reply, including headers if boto3 returns them too.

        Raises
        ------
        ProviderError
            The service answered with an error; `error_type` is its name, such as
            ``ResourceNotFoundException``, and `reply` is the decoded body.
        TransportError
            The service could not be reached in time, or its reply is not a JSON object.
        CredentialsError
            There are no credentials.
        """
        target, content_type = _TARGETS[service]
        headers = {"Content-Type": content_type, "X-Amz-Target": f"{target}.{operation}"}
        response = self.post(service, headers, dumps(parameters), deadline, region=region)
        reply = _decoded(response, service)
        if response.status != 200:
            raise AwsError(response.status, reply)
        return {**reply, "ResponseMetadata": {"HTTPHeaders": response.headers}}

    def post(
        self,
        service: str,
        headers: dict[str, str],
        body: bytes,
        deadline: Deadline,
        *,
        region: str | None = None,
    ) -> Response:
        """Sign and send one request to a service; return the response, whatever its status.

        Raises
        ------
        TransportError
            The service could not be reached in time.
        CredentialsError
            There are no credentials.
        """
        where = region or region_of(self.environ)
        url = endpoint(service, where, self.environ) + "/"
        request = Request(method="POST", url=url, headers=headers, body=body)
        credentials = self.credentials(deadline)
        signed = sign(request, credentials, region=where, service=service, now=time())
        return self.transport.send(signed, deadline)


def _decoded(response: Response, service: str) -> dict[str, Any]:
    try:
        return response.json_object(service) if response.body else {}
    except ProtocolError:
        if response.status < 500:
            raise
        return {}  # a gateway's error page: only the status matters


class AwsError(ProviderError):
    """An AWS service's error; `reply` is the whole decoded body."""

    def __init__(self, status: int, reply: dict[str, Any]) -> None:
        self.reply = reply
        name = reply.get("__type")
        super().__init__(status, name.rpartition("#")[2] if isinstance(name, str) else "")
