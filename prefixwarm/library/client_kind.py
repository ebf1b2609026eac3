"""Adapts a user's client so that warm calls can use it."""

from __future__ import annotations

from contextlib import suppress
from inspect import isawaitable
from time import monotonic
from typing import TYPE_CHECKING, Any, Protocol

from prefixwarm.errors import PrefixwarmError, ProtocolError, UsageError
from prefixwarm.provider.client import Reply
from prefixwarm.usage.reading import plain
from prefixwarm.warm.call_context import warm_call

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.provider.client import PreparedCall
    from prefixwarm.wire.deadline import Deadline


class ClientKind(Protocol):
    """One kind of client: how to send through it, and what its errors mean.

    Attributes
    ----------
    description : str
        For messages, such as ``AnthropicBedrock``.
    routes : tuple of str
        The routes it can use.
    region : str
        The region of its cache; empty if only the environment defines it.
    version : str
        The ``anthropic-version`` it sends by default, or "".
    priced : bool
        Whether the provider's list price applies.
    asynchronous : bool
        Whether its replies must be awaited.
    """

    description: str
    routes: tuple[str, ...]
    region: str
    version: str
    priced: bool
    asynchronous: bool

    def ask(self, call: PreparedCall, max_tokens: int, seconds: float) -> Any:
        """Send the call; return the reply, or an awaitable of it."""

    def body(self, reply: Any) -> Mapping[str, Any] | None:
        """The reply's JSON object."""

    def meaning(self, error: Exception) -> PrefixwarmError | None:
        """Translate a client's error; None if it is unknown."""


class UserClient:
    """A `CallSender` that sends through a user's client.

    Parameters
    ----------
    kind : ClientKind
        The client.
    awaited : callable, optional
        Returns the reply of an asynchronous client, from a thread that may block.
    """

    def __init__(
        self, kind: ClientKind, awaited: Callable[[Any, Deadline], Any] | None = None
    ) -> None:
        self._kind = kind
        self._awaited = awaited

    def send(self, call: PreparedCall, max_tokens: int, deadline: Deadline) -> Reply:
        """Send one warm call.

        Raises
        ------
        PrefixwarmError
            As in `Provider.send`, and ProtocolError for a reply that cannot be read; other
            exceptions of the client pass through.
        """
        started = monotonic()
        try:
            with warm_call():
                reply = self._kind.ask(call, max_tokens, deadline.require("sending"))
                if isawaitable(reply):
                    reply = self._result(reply, deadline)
        except PrefixwarmError:
            raise
        except Exception as error:
            meaning = self._kind.meaning(error)
            if meaning is None:
                raise
            raise meaning from error
        return _reply(self._body(reply), monotonic() - started)

    def _body(self, reply: Any) -> Mapping[str, Any] | None:
        try:
            return self._kind.body(reply)
        except PrefixwarmError:
            raise
        except Exception as error:
            raise ProtocolError(f"the reply cannot be read ({type(error).__name__})") from error

    def _result(self, reply: Any, deadline: Deadline) -> Any:
        if self._awaited is not None:
            return self._awaited(reply, deadline)
        with suppress(Exception):
            reply.close()
        raise UsageError(f"{self._kind.description} is asynchronous: use AsyncWarmer")


def _reply(body: Mapping[str, Any] | None, seconds: float) -> Reply:
    usage = plain((body or {}).get("usage"))
    if body is None or usage is None:
        raise ProtocolError("the reply has no usage: is it one of the Messages API or of Converse?")
    message_id = body.get("id")
    return Reply(
        usage=dict(usage),
        message_id=message_id[:80] if isinstance(message_id, str) else "",
        first_byte_after=seconds,
    )
