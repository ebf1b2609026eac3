"""Records what each request of a client billed, for SDK clients, boto3 and plain functions.

The client's class becomes a subclass that passes every reply on unchanged, so copies, streams and
raw responses work as before. It relies on these parts of the SDKs: ``request`` of the clients of
anthropic and openai, through which all of their calls go; ``request`` and its three siblings of
google-genai's ``BaseApiClient``; boto3's events.
"""

from __future__ import annotations

import functools
import inspect
import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.library.warm_recognition import only_warms
from prefixwarm.usage.reading import Reading, read_usage
from prefixwarm.usage.stream_taps import tap, tap_bedrock, tap_reply

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Mapping

    Clock = Callable[[], float]
    Record = Callable[[Reading | None, "RecordedCall"], None]

# The paths that SDK resources use; platform clients rewrite them later.
_PATHS = ("/v1/messages", "/chat/completions", "/responses")
_RAW = "x-stainless-raw-response"
_BEDROCK = ("InvokeModel", "InvokeModelWithResponseStream", "Converse", "ConverseStream")


def record_client(client: Any, record: Record, clock: Clock) -> Any:
    """Record all further requests of a client; return the client, or an equivalent function.

    Raises
    ------
    UsageError
        It is neither a client of these SDKs nor a function.
    """
    kind = type(client)
    if hasattr(kind, "with_options") and hasattr(kind, "request"):
        _subclass(client, _of_sdk(kind, record, clock))
    elif hasattr(type(getattr(client, "_api_client", None)), "async_request_streamed"):
        inner = client._api_client
        _subclass(inner, _of_genai(type(inner), record, clock))
    elif hasattr(kind, "_make_api_call"):
        _register(client, record, clock)
    elif callable(client) and not _is_client(client):
        return _function(client, record, clock)
    else:
        raise UsageError(
            f"wrap: {kind.__name__} is no client of anthropic, openai, google-genai or boto3, and "
            "no function; pass its replies to record()"
        )
    return client


def _is_client(value: Any) -> bool:
    """Whether a callable is a class or a client rather than a function."""
    resources = ("messages", "chat", "responses", "models", "converse")
    return isinstance(value, type) or any(hasattr(value, name) for name in resources)


def _subclass(client: Any, methods: Mapping[str, Any]) -> None:
    own = type(client)
    recorded = type(own.__name__, (own,), {**methods, "__module__": own.__module__})
    client.__class__ = recorded


class RecordedCall:
    """One request in progress.

    Attributes
    ----------
    model : str
        The model in the request.
    body : object
        Its body, or the arguments it is made from.
    started : float
        When it was sent, in epoch seconds.
    warm : bool
        Whether it only warms the cache.
    """

    def __init__(self, record: Record, model: str, body: Any, started: float) -> None:
        self.model = model
        self.body = body
        self.started = started
        self.warm = False
        self._record = record
        with suppress(Exception):
            self.warm = only_warms(body)

    def done(self, reading: Reading | None) -> None:
        """Record what it billed; errors here never reach the caller."""
        with suppress(Exception):
            self._record(reading, self)

    def reply(self, reply: Any) -> None:
        """Record a complete reply."""
        with suppress(Exception):
            self.done(read_usage(reply))

    def stream(self, stream: Any) -> None:
        """Record an anthropic or openai stream when it ends; it stays the same object."""
        with suppress(Exception):
            tap(stream, self.done)


def _of_sdk(own: type, record: Record, clock: Clock) -> dict[str, Any]:
    """``request`` of an anthropic or openai client."""
    original: Any = own.request  # type: ignore[attr-defined]
    # Azure's requests name a deployment; the reply names the model.
    named = not any("Azure" in base.__name__ for base in own.__mro__)

    def start(options: Any) -> RecordedCall | None:
        with suppress(Exception):
            if options.url.partition("?")[0] in _PATHS and options.method.lower() == "post":
                body = options.json_data if isinstance(options.json_data, dict) else {}
                model = str(body.get("model") or "") if named else ""
                return RecordedCall(record, model, body, clock())
        return None

    if inspect.iscoroutinefunction(original):

        async def request_async(self: Any, cast_to: Any, options: Any, **more: Any) -> Any:
            call = start(options)
            reply = await original(self, cast_to, options, **more)
            if call is not None:
                parsed = _parsed(reply, options)
                with suppress(Exception):
                    parsed = await parsed if inspect.isawaitable(parsed) else parsed
                    _finish(call, parsed, more)
            return reply

        return {"request": request_async}

    def request(self: Any, cast_to: Any, options: Any, **more: Any) -> Any:
        call = start(options)
        reply = original(self, cast_to, options, **more)
        if call is not None:
            _finish(call, _parsed(reply, options), more)
        return reply

    return {"request": request}


def _parsed(reply: Any, options: Any) -> Any:
    """The message or stream in a reply; a raw response is parsed once and keeps the result.

    None if the caller reads the body itself, because it can be read only once.
    """
    with suppress(Exception):
        headers = options.headers if isinstance(options.headers, dict) else {}
        raw = {str(name).lower(): value for name, value in headers.items()}.get(_RAW)
        return reply if raw is None else None if raw == "stream" else reply.parse()
    return None


def _finish(call: RecordedCall, parsed: Any, more: Mapping[str, Any]) -> None:
    if more.get("stream") and parsed is not None:
        call.stream(parsed)
    else:
        call.reply(parsed)


def _of_genai(own: type, record: Record, clock: Clock) -> dict[str, Any]:
    """The four methods with which google-genai sends a request."""

    def start(path: Any, body: Any) -> RecordedCall | None:
        with suppress(Exception):
            model, _, action = str(path).rpartition(":")
            if action.partition("?")[0] in ("generateContent", "streamGenerateContent"):
                return RecordedCall(record, model.rpartition("/")[2], body, clock())
        return None

    def method(name: str, finish: Callable[[RecordedCall, Any], Any]) -> Any:
        original = getattr(own, name)

        def send(self: Any, verb: str, path: str, body: Any, *more: Any, **named: Any) -> Any:
            call = start(path, body)
            reply = original(self, verb, path, body, *more, **named)
            return reply if call is None else finish(call, reply)

        async def send_async(
            self: Any, verb: str, path: str, body: Any, *more: Any, **named: Any
        ) -> Any:
            call = start(path, body)
            reply = await original(self, verb, path, body, *more, **named)
            return reply if call is None else finish(call, reply)

        return send_async if name.startswith("async_") else send

    return {
        "request": method("request", _whole),
        "async_request": method("async_request", _whole),
        "request_streamed": method("request_streamed", _chunks),
        "async_request_streamed": method("async_request_streamed", _async_chunks),
    }


def _whole(call: RecordedCall, reply: Any) -> Any:
    call.reply(_json(reply))
    return reply


def _json(reply: Any) -> Any:
    with suppress(Exception):
        return json.loads(reply.body)
    return None


def _with_usage(chunk: Any, last: Any) -> Any:
    """The latest chunk with a usage."""
    return chunk if "usageMetadata" in str(getattr(chunk, "body", "")) else last


def _chunks(call: RecordedCall, stream: Any) -> Iterator[Any]:
    last = None
    try:
        for chunk in stream:
            last = _with_usage(chunk, last)
            yield chunk
    finally:
        call.reply(_json(last))


async def _async_chunks(call: RecordedCall, stream: Any) -> AsyncIterator[Any]:
    last = None
    try:
        async for chunk in stream:
            last = _with_usage(chunk, last)
            yield chunk
    finally:
        call.reply(_json(last))


def _register(client: Any, record: Record, clock: Clock) -> None:
    """Record a boto3 client of ``bedrock-runtime`` through its events."""
    sent = f"prefixwarm_sent_{id(record)}"

    def before(params: dict[str, Any], context: dict[str, Any], **_more: Any) -> None:
        with suppress(Exception):
            context[sent] = RecordedCall(record, params["modelId"], params, clock())

    def after(parsed: dict[str, Any], context: dict[str, Any], **_more: Any) -> None:
        with suppress(Exception):
            call = context.pop(sent, None)
            if call is not None and "Error" not in parsed:
                tap_bedrock(parsed, call.done)

    for operation in _BEDROCK:
        name = f"bedrock-runtime.{operation}"
        client.meta.events.register(f"provide-client-params.{name}", before)
        client.meta.events.register(f"after-call.{name}", after)


def _function(function: Any, record: Record, clock: Clock) -> Any:
    """Wrap a function that returns a reply, a stream, or an awaitable of one."""

    async def awaited(call: RecordedCall, pending: Any) -> Any:
        return tap_reply(await pending, call.done)

    @functools.wraps(function)
    def recorded(*arguments: Any, **named: Any) -> Any:
        call = RecordedCall(record, str(named.get("model") or ""), named, clock())
        reply = function(*arguments, **named)
        return awaited(call, reply) if inspect.isawaitable(reply) else tap_reply(reply, call.done)

    return recorded
