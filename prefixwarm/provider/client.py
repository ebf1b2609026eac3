"""Sends warm calls to the model provider, authenticated as each route requires."""

from __future__ import annotations

from time import time

from prefixwarm.errors import CredentialsError, ProtocolError, ProviderError
from prefixwarm.provider.keys import FEDERATION_RULE_ID, Bearer, stored_keys
from prefixwarm.provider.routes import ROUTES, route_named
from prefixwarm.safe_text import printable
from prefixwarm.settings import DIAGNOSE
from prefixwarm.wire.http import Request
from prefixwarm.wire.record import Record
from prefixwarm.wire.sigv4 import sign

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from prefixwarm.provider.keys import KeySource
    from prefixwarm.provider.routes import Route
    from prefixwarm.wire.aws import AwsClient
    from prefixwarm.wire.deadline import Deadline
    from prefixwarm.wire.http import Progress, Response, Transport
    from prefixwarm.wire.request_body import FileBody

    class PreparedCall(Protocol):
        """A request that is ready to send except for its output limit."""

        @property
        def route(self) -> str:
            """The route's name."""

        @property
        def model(self) -> str:
            """The model's id, as the route's URL uses it."""

        @property
        def headers(self) -> Mapping[str, str]:
            """Headers in addition to the route's own."""

        def with_max_tokens(self, count: int) -> bytes | FileBody:
            """The body with `count` as its output limit."""

        def opted_in(self, count: int) -> bytes | FileBody:
            """The same body, with the provider's cache diagnostics requested."""

    class CallSender(Protocol):
        """Sends warm calls: the `Provider`, or a client supplied by the user."""

        def send(self, call: PreparedCall, max_tokens: int, deadline: Deadline) -> Reply:
            """Send one warm call with this output limit; errors as in `Provider.send`."""


_SENDER = "the provider"
_MAX_TEXT = 80
_LONGEST_PAUSE = 86400.0
# Only this route supports workload identity federation and cache diagnostics.
_CLAUDE_API = "anthropic"
# Errors about the caller's key; Bedrock's runtime answers 403.
REFUSED_KEY = (401, 403)


class Reply(Record):
    """A successful reply: its ``usage``, and the seconds to its first byte."""

    usage: dict[str, Any]
    message_id: str
    first_byte_after: float


class Provider:
    """Sends requests to the model provider for one deployment.

    Parameters
    ----------
    transport
        Carries the calls.
    aws
        Signs them on the AWS routes, and fetches the key's secret.
    secret
        Secrets Manager ARN or SSM parameter that holds the API key, for all routes or by route (see
        `stored_keys`). None if the environment holds the key, or the role suffices: to sign, or for
        workload identity federation.
    environ
        Holds keys, ids, workspace, region and base URLs under the SDKs' own names.
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
        self._environ = environ
        self._stored = stored_keys(secret, aws)
        self._tokens = self._access_tokens() if environ.get(FEDERATION_RULE_ID) else None
        self._samples = environ.get(DIAGNOSE, "").strip().lower() == "sample"

    def send(
        self,
        call: PreparedCall,
        max_tokens: int,
        deadline: Deadline,
        progress: Progress | None = None,
    ) -> Reply:
        """Send one warm call; if the key is refused, fetch it once more, as it may have rotated.

        `progress` is called when the request is sent.

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
        sampled = self._samples and route.name == _CLAUDE_API
        body = call.opted_in(max_tokens) if sampled else call.with_max_tokens(max_tokens)
        response = self._warm(route, call, body, deadline, progress)
        if sampled and response.status == 400:
            # Stop requesting diagnostics from a provider that does not support them.
            body = call.with_max_tokens(max_tokens)
            response = self._warm(route, call, body, deadline, progress)
            self._samples = response.status == 400
        if response.status != 200:
            raise error_of(response)
        return _reply(response)

    def ask(self, route: Route, request: Request, deadline: Deadline) -> Response:
        """Send one request, authenticated as this route requires; errors as in `send`.

        Returns the response, whatever its status. A refused key is fetched once more.
        """
        source = self._source(route)
        bearer = source.current(deadline) if source else self._own_key(route)
        response = self._attempt(route, request, bearer, deadline)
        if source and bearer and response.status in REFUSED_KEY:
            source.forget(bearer)
            response = self._attempt(route, request, source.current(deadline), deadline)
        return response

    def _warm(
        self,
        route: Route,
        call: PreparedCall,
        body: bytes | FileBody,
        deadline: Deadline,
        progress: Progress | None,
    ) -> Response:
        request = Request(
            method="POST",
            url=route.url(call.model, self._environ),
            headers={**route.own_headers(self._environ), **call.headers},
            body=body,
            progress=progress,
        )
        return self.ask(route, request, deadline)

    def _source(self, route: Route) -> KeySource | None:
        """The source of the route's key; None if the key is at hand or not needed."""
        if route.key(self._environ):
            return None
        stored = self._stored.get(route.name) or self._stored.get("")
        return stored or (self._tokens if route.name == _CLAUDE_API else None)

    def _own_key(self, route: Route) -> Bearer | None:
        key = route.key(self._environ)
        return Bearer(key=key) if key else None

    def _attempt(
        self, route: Route, request: Request, bearer: Bearer | None, deadline: Deadline
    ) -> Response:
        if bearer:
            request = request.replace(headers=bearer.added_to(request.headers))
        else:
            request = self._signed(route, request, deadline)
        return self._transport.send(request, deadline)

    def _signed(self, route: Route, request: Request, deadline: Deadline) -> Request:
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

    def _access_tokens(self) -> KeySource:
        from prefixwarm.provider.federation import AccessTokens

        base_url = ROUTES[_CLAUDE_API].base(self._environ)
        return AccessTokens(base_url, self._transport, self._aws, self._environ)


def _reply(response: Response) -> Reply:
    body = response.json_object(_SENDER)
    usage = body.get("usage")
    if not isinstance(usage, dict):
        raise ProtocolError("the provider's reply has no usage: is the base URL a Messages API?")
    return Reply(
        usage=usage,
        message_id=_short_text(body.get("id")),
        first_byte_after=response.first_byte_after,
    )


def error_of(response: Response) -> ProviderError:
    """The error in a reply whose status is not 200."""
    try:
        body = response.json_object(_SENDER)
    except ProtocolError:
        body = {}
    error = body.get("error")
    error = error if isinstance(error, dict) else {}
    details = error.get("details")
    # Bedrock's runtime names the error in a header, such as ThrottlingException:http://...
    named = response.headers.get("x-amzn-errortype", "").partition(":")[0]
    return ProviderError(
        response.status,
        _short_text(error.get("type", named)),
        _short_text(details.get("error_code")) if isinstance(details, dict) else "",
        retry_after(response.headers, time()),
    )


def _short_text(value: object) -> str:
    """Text only: a gateway's other values are not echoed, as they may hold anything."""
    return printable(value[:_MAX_TEXT]) if isinstance(value, str) else ""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds to wait from `now` (epoch seconds), 0 to a day; None if not given.

    Never raises, whatever the header holds.
    """
    text = headers.get("retry-after", "")
    if text.isascii() and text.replace(".", "", 1).isdigit():
        return min(float(text), _LONGEST_PAUSE)
    if not text:
        return None
    from email.utils import parsedate_to_datetime

    try:
        seconds = parsedate_to_datetime(text).timestamp() - now
    except Exception:  # noqa: BLE001 - which errors the e-mail parser raises changes with each Python
        return None
    return min(max(0.0, seconds), _LONGEST_PAUSE)
