"""Sends warm calls through boto3's client of Bedrock's runtime: InvokeModel and Converse."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.errors import (
    ConnectError,
    CredentialsError,
    DeadlineError,
    PrefixwarmError,
    ProtocolError,
    ProviderError,
    TransportError,
)
from prefixwarm.provider.routes import CONVERSE
from prefixwarm.wire.accelerated import loads
from prefixwarm.wire.request_body import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.provider.client import PreparedCall


_SERVICE = "bedrock-runtime"


def is_runtime_client(client: object) -> bool:
    """Whether an object is boto3's client of Bedrock's runtime."""
    model = getattr(getattr(client, "meta", None), "service_model", None)
    return getattr(model, "service_name", None) == _SERVICE


class Boto3Client:
    """A `ClientKind` that uses the client's credentials, proxy, retries, timeouts and hooks."""

    description = "boto3's client of bedrock-runtime"
    routes: tuple[str, ...] = ("bedrock", CONVERSE)
    version = ""
    priced = True
    asynchronous = False

    def __init__(self, client: Any) -> None:
        self._client = client
        self.region = str(client.meta.region_name or "")

    def ask(self, call: PreparedCall, max_tokens: int, seconds: float) -> Any:
        """See `ClientKind`; the client limits the time itself."""
        del seconds
        body = whole(call.with_max_tokens(max_tokens))
        if call.route == CONVERSE:
            return self._client.converse(modelId=call.model, **loads(body))
        return self._client.invoke_model(
            modelId=call.model, body=body, contentType="application/json"
        )

    def body(self, reply: Any) -> Mapping[str, Any] | None:
        """See `ClientKind`."""
        if "body" not in reply:
            return dict(reply)
        parsed = loads(reply["body"].read())
        return parsed if isinstance(parsed, dict) else None

    def meaning(self, error: Exception) -> PrefixwarmError | None:
        """See `ClientKind`."""
        from botocore import exceptions

        from prefixwarm.boto_replies import code_of, comes_from_parser

        if isinstance(error, exceptions.ClientError):
            metadata = error.response.get("ResponseMetadata", {})
            return ProviderError(metadata.get("HTTPStatusCode", 400), code_of(error))
        if comes_from_parser(error):
            return ProtocolError("Bedrock's reply cannot be read")
        if isinstance(error, (exceptions.NoCredentialsError, exceptions.CredentialRetrievalError)):
            return CredentialsError("boto3 has no credentials; configure its session")
        if isinstance(error, (exceptions.EndpointConnectionError, exceptions.ConnectTimeoutError)):
            return ConnectError("Bedrock cannot be reached")
        if isinstance(error, exceptions.ReadTimeoutError):
            return DeadlineError("Bedrock did not answer in time")
        if isinstance(error, exceptions.HTTPClientError):
            return TransportError("the connection to Bedrock broke")
        return None
