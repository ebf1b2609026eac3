"""Sends warm calls to the model provider: authentication by route, errors as data."""

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
        """A request that is ready to send, whose output limit is still open."""

        @property
        def route(self) -> str:
            """The route's name."""

        @property
        def model(self) -> str:
            """The model's id, as the route's address takes it."""

        @property
        def headers(self) -> Mapping[str, str]:
            """Headers beside the route's own."""

        def with_max_tokens(self, count: int) -> bytes | FileBody:
            """The body that asks for so many output tokens."""

        def opted_in(self, count: int) -> bytes | FileBody:
            """The same body, with the provider's cache diagnostics asked for."""

    class CallSender(Protocol):
        """Sends warm calls: the `Provider`, or a client of the user's."""

        def send(self, call: PreparedCall, max_tokens: int, deadline: Deadline) -> Reply:
            """Send one warm call that asks for so many output tokens; errors as `Provider.send`."""


_SENDER = "the provider"
_MAX_TEXT = 80
_LONGEST_PAUSE = 86400.0
# Workload identity federation and cache diagnostics work on this route only.
_CLAUDE_API = "anthropic"
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
        Secrets Manager ARN or SSM parameter that holds the API key, for all routes or by route (see
        `stored_keys`); None where the environment holds it, or the role suffices: to sign, or for
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
        """Send one warm call; a key that is refused is fetched once more, as it may have rotated.

        `progress` is told when the request is sent.

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
            # Whoever does not know the diagnostics is not asked for them again.
            body = call.with_max_tokens(max_tokens)
            response = self._warm(route, call, body, deadline, progress)
            self._samples = response.status == 400
        if response.status != 200:
            raise error_of(response)
        return _reply(response)

    def ask(self, route: Route, request: Request, deadline: Deadline) -> Response:
        """Send one request, authenticated as this route wants it; errors as for `send`.

        Any status is returned. A key that is refused is fetched once more.
        """
        source = self._source(route)
        bearer = source.current(deadline) if source else self._own_key(route)
        response = self._attempt(route, request, bearer, deadline)
        if source and bearer and response.status in _REFUSED_KEY:
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
        """Where the route's key is fetched from; None where it is at hand, or none is needed."""
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
    """What a reply that is not 200 says."""
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
    """What a gateway sends in place of text is not echoed: it may hold anything."""
    return printable(value[:_MAX_TEXT]) if isinstance(value, str) else ""


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Seconds from `now` (epoch seconds) to wait for, 0 to a day; None where none are named.

    Raises nothing, whatever the header holds.
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
