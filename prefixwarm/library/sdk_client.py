"""Sends warm calls through clients of the anthropic SDK, for all its platforms."""

from __future__ import annotations

from contextlib import suppress
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import (
    ConnectError,
    CredentialsError,
    DeadlineError,
    PrefixwarmError,
    TransportError,
)
from prefixwarm.provider.client import error_of
from prefixwarm.provider.routes import MESSAGES_PATH, route_named
from prefixwarm.wire.accelerated import loads
from prefixwarm.wire.http import Response
from prefixwarm.wire.request_body import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.provider.client import PreparedCall


# By SDK class, without ``Async``. Platforms of other clouds accept the Claude API's requests; their
# prices are not in the table.
_ROUTES = {
    "AnthropicBedrockMantle": "bedrock-mantle",
    "AnthropicBedrock": "bedrock",
    "AnthropicAWS": "aws",
    "AnthropicVertex": "anthropic",
    "AnthropicGoogleCloud": "anthropic",
    "AnthropicFoundry": "anthropic",
    "Anthropic": "anthropic",
}
_UNPRICED = ("AnthropicVertex", "AnthropicGoogleCloud", "AnthropicFoundry")
# Messages of the SDK and botocore when there are no credentials.
_WITHOUT_KEY = ("authentication method", "credentials")
_NOT_CONNECTED = ("ConnectError", "ConnectTimeout")


def sdk_class(client: object) -> str:
    """The name of a client's SDK class, or ""."""
    for base in type(client).__mro__:
        name = base.__name__.removeprefix("Async")
        if base.__module__.partition(".")[0] == "anthropic" and name in _ROUTES:
            return name
    return ""


class SdkClient:
    """A `ClientKind` that uses the client's authentication, proxy, retries and hooks."""

    def __init__(self, client: Any) -> None:
        name = sdk_class(client)
        self._client = client
        self.description = type(client).__name__
        self.routes: tuple[str, ...] = (_ROUTES[name],)
        self.region = str(getattr(client, "aws_region", None) or "")
        self.version = _version(client, self.routes[0])
        self.priced = name not in _UNPRICED
        self.asynchronous = iscoroutinefunction(client.post)

    def ask(self, call: PreparedCall, max_tokens: int, seconds: float) -> Any:
        """See `ClientKind`."""
        from anthropic.types import Message

        body = {"model": call.model, **loads(whole(call.with_max_tokens(max_tokens)))}
        options = {"headers": dict(call.headers), "timeout": seconds}
        return self._client.post(MESSAGES_PATH, cast_to=Message, body=body, options=options)

    def body(self, reply: Any) -> Mapping[str, Any] | None:
        """See `ClientKind`; without warnings about values that the SDK does not know yet."""
        fields: dict[str, Any] = reply.to_dict(warnings=False)
        return fields

    def meaning(self, error: Exception) -> PrefixwarmError | None:
        """See `ClientKind`."""
        import anthropic

        if isinstance(error, anthropic.APIStatusError):
            return error_of(_response(error.response))
        if isinstance(error, anthropic.APITimeoutError):
            return DeadlineError("the provider did not answer in time")
        if isinstance(error, anthropic.APIConnectionError):
            if type(error.__cause__).__name__ in _NOT_CONNECTED:
                return ConnectError("the provider cannot be reached")
            return TransportError("the connection to the provider broke")
        if any(words in str(error).lower() for words in _WITHOUT_KEY):
            return CredentialsError(f"{self.description} has no credentials; configure it")
        return None


def _version(client: Any, route: str) -> str:
    """The version that the client sends; for Bedrock's InvokeModel it is in the body."""
    with suppress(Exception):
        if route_named(route).version_in_body:
            from anthropic._constants import ANTHROPIC_API_VERSION

            return ANTHROPIC_API_VERSION
        return str(client.default_headers.get("anthropic-version") or "")
    return ""


def _response(response: Any) -> Response:
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Response(
        status=response.status_code, headers=headers, body=response.content, first_byte_after=0.0
    )
