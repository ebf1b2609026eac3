"""Sends warm calls through any object with ``send(request) -> response``."""

from __future__ import annotations

from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import DeadlineError, PrefixwarmError, ProviderError, TransportError
from prefixwarm.provider.routes import CONVERSE, ROUTES
from prefixwarm.usage.reading import plain
from prefixwarm.wire.accelerated import loads
from prefixwarm.wire.record import Record
from prefixwarm.wire.request_body import whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.provider.client import PreparedCall


class TransportRequest(Record):
    """One warm call, as passed to an object with ``send``.

    Attributes
    ----------
    prefix : str
        The prefix's name.
    route, model : str
        Its route and model.
    headers : dict of str to str
        Headers that affect the prompt.
    body : dict
        The whole body: ``client.messages.create(**body)``, or on the route ``bedrock-converse``
        ``client.converse(**body)``.
    timeout : float
        Seconds to wait for the reply.
    """

    prefix: str
    route: str
    model: str
    headers: dict[str, str]
    body: dict[str, Any]
    timeout: float


class SendingObject:
    """A `ClientKind` for a user's sender; its reply is an SDK object or a dict."""

    routes: tuple[str, ...] = tuple(ROUTES)
    region = ""
    version = ""
    priced = True

    def __init__(self, sender: Any) -> None:
        self._sender = sender
        self.description = type(sender).__name__
        self.asynchronous = iscoroutinefunction(sender.send)

    def ask(self, call: PreparedCall, max_tokens: int, seconds: float) -> Any:
        """See `ClientKind`."""
        model = "modelId" if call.route == CONVERSE else "model"
        request = TransportRequest(
            prefix=str(getattr(call, "name", "")),
            route=call.route,
            model=call.model,
            headers=dict(call.headers),
            body={model: call.model, **loads(whole(call.with_max_tokens(max_tokens)))},
            timeout=seconds,
        )
        return self._sender.send(request)

    def body(self, reply: Any) -> Mapping[str, Any] | None:
        """See `ClientKind`."""
        return plain(reply)

    def meaning(self, error: Exception) -> PrefixwarmError | None:
        """See `ClientKind`; an error with a status is the provider's."""
        status = getattr(error, "status_code", None)
        if type(status) is int and 300 <= status <= 599:
            kind = getattr(error, "type", None)
            return ProviderError(status, kind if isinstance(kind, str) else "")
        if isinstance(error, TimeoutError):
            return DeadlineError("no reply came in time")
        if isinstance(error, OSError):
            return TransportError("the connection to the provider broke")
        return None
