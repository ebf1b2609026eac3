"""Sends warm calls to the model provider: authentication by route, errors as data."""

from __future__ import annotations

from time import time

from prefixwarm.core.compact import loads
from prefixwarm.core.credentials import fetch_secret
from prefixwarm.core.errors import CredentialsError, ProtocolError, ProviderError
from prefixwarm.core.http import Request
from prefixwarm.core.record import Record
from prefixwarm.core.routes import route_named
from prefixwarm.core.sigv4 import sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from prefixwarm.core.aws import AwsClient
    from prefixwarm.core.deadline import Deadline
    from prefixwarm.core.http import Response
    from prefixwarm.core.routes import Route
    from prefixwarm.core.seams import Transport
    from prefixwarm.core.warm_call import WarmCall

__all__ = ["Provider", "Reply"]

_WORD = 80
_REFUSED_KEY = (401, 403)  # 403 is what Bedrock's runtime says


class Reply(Record):
    """A successful reply: its ``usage``, and seconds to its first byte."""

    usage: dict[str, Any]
    message_id: str
    first_byte_after: float


class Provider:
    """The model provider, as one deployment reaches it.

    Parameters
    ----------
    transport
        Carries the calls.
    aws
        Signs them on the AWS routes, and fetches the key's secret.
    secret
        Secrets Manager ARN or SSM parameter that holds the API key; None where the environment
        holds it or the AWS role suffices.
    environ
        Holds keys, workspace, region and base URLs under the SDKs' own names.
    """

    def __init__(
        self,
        transport: Transport,
        aws: AwsClient,
        secret: str | None,
        environ: Mapping[str, str],
    ) -> None:
        self._transport = transport
        self._aws = aws
        self._secret = secret
        self._environ = environ
        self._fetched_key: str | None = None

    def send(self, call: WarmCall, max_tokens: int, deadline: Deadline) -> Reply:
        """Send one warm call; a key that is refused is fetched once more, as it may have rotated.

        Raises
        ------
        ProviderError
            The provider's error.
        CredentialsError
            There is no key, or it cannot be fetched.
        TransportError
            No complete reply in time.
        """
        route = route_named(call.route)
        response = self._attempt(route, call, max_tokens, deadline)
        if response.status in _REFUSED_KEY and self._fetched_key is not None:
            self._fetched_key = None
            response = self._attempt(route, call, max_tokens, deadline)
        if response.status != 200:
            raise _error(response)
        return _reply(response)

    def _attempt(
        self, route: Route, call: WarmCall, max_tokens: int, deadline: Deadline
    ) -> Response:
        request = Request(
            method="POST",
            url=route.url(call.model, self._environ),
            headers={**route.own_headers(self._environ), **call.headers},
            body=call.with_max_tokens(max_tokens),
        )
        return self._transport.send(self._authenticated(route, request, deadline), deadline)

    def _authenticated(self, route: Route, request: Request, deadline: Deadline) -> Request:
        key = route.key(self._environ) or self._key_from_secret(deadline)
        if key:
            if not (key.isascii() and key.isprintable()):
                raise CredentialsError("the API key holds line breaks or is not ASCII; set it anew")
            return request.replace(headers={**request.headers, "Authorization": f"Bearer {key}"})
        if route.signing_service is None:
            raise CredentialsError(
                f"no API key: set {route.key_variables[0]} or PREFIXWARM_API_KEY_SECRET"
            )
        return sign(
            request,
            self._aws.credentials(deadline),
            region=route.region(self._environ),
            service=route.signing_service,
            now=time(),
        )

    def _key_from_secret(self, deadline: Deadline) -> str | None:
        key = self._fetched_key
        if self._secret and key is None:
            key = self._fetched_key = fetch_secret(self._secret, self._aws, deadline)
        return key


def _reply(response: Response) -> Reply:
    body = _json(response)
    usage = body.get("usage")
    if not isinstance(usage, dict):
        raise ProtocolError("the provider's reply has no usage: is the base URL a Messages API?")
    return Reply(
        usage=usage,
        message_id=str(body.get("id", "")),
        first_byte_after=response.first_byte_after,
    )


def _error(response: Response) -> ProviderError:
    try:
        body = _json(response)
    except ProtocolError:
        body = {}
    error = body.get("error")
    error = error if isinstance(error, dict) else {}
    details = error.get("details")
    # Bedrock's runtime names the error in a header, such as ThrottlingException:http://...
    named = response.headers.get("x-amzn-errortype", "").partition(":")[0]
    return ProviderError(
        response.status,
        str(error.get("type", named))[:_WORD],
        str(details.get("error_code", ""))[:_WORD] if isinstance(details, dict) else "",
        _retry_after(response.headers),
    )


def _json(response: Response) -> dict[str, Any]:
    try:
        body = loads(response.body)
    except ValueError as error:
        raise ProtocolError("the provider's reply is not JSON") from error
    if not isinstance(body, dict):
        raise ProtocolError("the provider's reply is not a JSON object")
    return body


def _retry_after(headers: Mapping[str, str]) -> float | None:
    text = headers.get("retry-after", "")
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return float(text)
    if not text:
        return None
    from email.utils import parsedate_to_datetime

    try:
        return max(0.0, parsedate_to_datetime(text).timestamp() - time())
    except ValueError:
        return None
