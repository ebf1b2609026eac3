"""Middleware for the anthropic SDK 2.x: sync, async, and streaming.

Imports nothing of the SDK; relies on its middleware interface (``anthropic._middleware``) and on
streams yielding their events from ``_iterator``.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prefixwarm.observe.breakpoint import with_breakpoint
from prefixwarm.observe.observer import Observer
from prefixwarm.observe.raw_response import read_along, read_along_async
from prefixwarm.provider.routes import MESSAGES_PATH, SHAPING_HEADERS
from prefixwarm.warm.call_context import is_warm_call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
    from threading import Event

    from prefixwarm.observe.observer import Sent


# Marks our handlers, so that a client does not get a second one.
OBSERVES = "prefixwarm_observes"

_RAW = "x-stainless-raw-response"
_USAGE = (
    "input_tokens",
    "output_tokens",
    "cache_read_input_tokens",
    "cache_creation_input_tokens",
)


def middleware(
    observer: Observer | None = None, *, add_breakpoint: bool = False
) -> Callable[[Any, Callable[[Any], Any]], Any]:
    """Return middleware that observes the requests of a synchronous client.

    Parameters
    ----------
    observer : Observer, optional
        The observer; by default one with the installed prefix files.
    add_breakpoint : bool
        Whether to add a breakpoint at the prefix's end to requests without one there.

    Returns
    -------
    callable
        For ``anthropic.Anthropic(middleware=[...])`` and the clients of the other routes.

    Examples
    --------
    >>> client = anthropic.Anthropic(api_key="...", middleware=[middleware()])
    """
    watch = observer or Observer()

    def handle(request: Any, call_next: Callable[[Any], Any]) -> Any:
        sent, outgoing = _begin(watch, request), request
        if sent is not None:
            watch.wait(sent)
            sent, outgoing = _leave(watch, sent, request, add_breakpoint)
        response = call_next(outgoing)
        if again := _without_diagnosis(watch, sent, outgoing, response):
            sent, outgoing = again
            with suppress(Exception):
                response.http_response.close()
            response = call_next(outgoing)
        if sent is not None:
            with suppress(Exception):
                _observe(watch, sent, request, response)
        return response

    handle.__dict__[OBSERVES] = True
    return handle


def async_middleware(
    observer: Observer | None = None, *, add_breakpoint: bool = False
) -> Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]:
    """Return middleware for an asynchronous client; otherwise like `middleware`."""
    watch = observer or Observer()

    async def handle(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        sent, outgoing = _begin(watch, request), request
        if sent is not None:
            await watch.wait_async(sent)
            sent, outgoing = _leave(watch, sent, request, add_breakpoint)
        response = await call_next(outgoing)
        if again := _without_diagnosis(watch, sent, outgoing, response):
            sent, outgoing = again
            with suppress(Exception):
                await response.http_response.aclose()
            response = await call_next(outgoing)
        if sent is not None:
            with suppress(Exception):
                await _observe_async(watch, sent, request, response)
        return response

    handle.__dict__[OBSERVES] = True
    return handle


def _begin(watch: Observer, request: Any) -> Sent | None:
    with suppress(Exception):
        if is_warm_call():
            return None
        if request.method.lower() != "post" or request.url.partition("?")[0] != MESSAGES_PATH:
            return None
        body = request.json
        extra = getattr(request.options, "extra_json", None)
        headers = {k.lower(): v for k, v in request.headers.items() if isinstance(v, str)}
        return watch.begin({**body, **extra} if extra else body, headers)
    return None


def _leave(watch: Observer, sent: Sent, request: Any, add_breakpoint: bool) -> tuple[Sent, Any]:
    """Return the tracked request and the (possibly modified) request to send."""
    with suppress(Exception):
        leaving = watch.leaving(sent)
        more: dict[str, Any] = {}
        if add_breakpoint and sent.match.drift is None:
            more = with_breakpoint(request.json, sent.match.warmed.prefix) or {}
        if leaving.named:
            more = {**more, "diagnostics": {"previous_message_id": leaving.named}}
        return leaving, request.copy(body={**request.json, **more}) if more else request
    return sent, request


def _without_diagnosis(
    watch: Observer, sent: Sent | None, outgoing: Any, response: Any
) -> tuple[Sent, Any] | None:
    """The request to send again without diagnostics, if those may be why it was refused."""
    with suppress(Exception):
        if sent is not None and sent.named and response.status_code == 400:
            body = {name: value for name, value in outgoing.json.items() if name != "diagnostics"}
            return watch.without_diagnosis(sent), outgoing.copy(body=body)
    return None


def _observe(watch: Observer, sent: Sent, request: Any, response: Any) -> None:
    """Read a successful response on its way to the caller, and report it."""
    if not response.http_response.is_success:
        return
    reporter = _Reporter(watch, sent, response)
    if _is_raw(request):
        read_along(response.http_response, request.stream, reporter.raw, watch.wait_until_reported)
        return
    parsed = response.parse()
    if request.stream:
        parsed.__dict__["_iterator"] = _tapped(reporter, parsed._iterator)
    else:
        watch.wait_until_reported(reporter.message(parsed))


async def _observe_async(watch: Observer, sent: Sent, request: Any, response: Any) -> None:
    if not response.http_response.is_success:
        return
    reporter = _Reporter(watch, sent, response)
    if _is_raw(request):
        wait = watch.wait_until_reported_async
        read_along_async(response.http_response, request.stream, reporter.raw, wait)
        return
    parsed = await response.parse()
    if request.stream:
        parsed.__dict__["_iterator"] = _tapped_async(reporter, parsed._iterator)
    else:
        await watch.wait_until_reported_async(reporter.message(parsed))


def _is_raw(request: Any) -> bool:
    """Whether the caller reads the raw body; parsing it here would consume it."""
    return {k.lower(): v for k, v in request.headers.items()}.get(_RAW) == "stream"


class _Reporter:
    """Reports one response to its observer; methods return the event to wait for."""

    def __init__(self, watch: Observer, sent: Sent, response: Any) -> None:
        self.watch = watch
        self._sent = sent
        self._headers = _shaping(response)

    def message(self, message: Any) -> Event | None:
        """Report a message parsed by the SDK."""
        usage, diagnostics = _usage(message.usage), _diagnostics(message)
        return self.raw({"usage": usage, "diagnostics": diagnostics, "id": message.id})

    def raw(self, message: Mapping[str, Any]) -> Event | None:
        """Report a raw message."""
        usage, diagnostics = message["usage"], message.get("diagnostics")
        response_id, headers = message.get("id"), self._headers
        return self.watch.end(
            self._sent, usage, diagnostics, headers, response_id, source="anthropic"
        )

    def event(self, event: Any) -> Event | None:
        """Report a stream's first event, whose cache fields are complete."""
        with suppress(Exception):
            if event.type == "message_start":
                return self.message(event.message)
        return None


def _shaping(response: Any) -> dict[str, str] | None:
    """The headers as sent, including those the client adds after the middleware."""
    with suppress(Exception):
        headers = response.http_response.request.headers
        return {name: headers[name] for name in SHAPING_HEADERS if name in headers}
    return None


def _tapped(reporter: _Reporter, events: Iterator[Any]) -> Iterator[Any]:
    done = None
    for event in events:
        done = reporter.event(event) or done
        if _is_last(event):
            reporter.watch.wait_until_reported(done)
        yield event


async def _tapped_async(reporter: _Reporter, events: AsyncIterator[Any]) -> Any:
    done = None
    async for event in events:
        done = reporter.event(event) or done
        if _is_last(event):
            await reporter.watch.wait_until_reported_async(done)
        yield event


def _is_last(event: Any) -> bool:
    return getattr(event, "type", "") == "message_stop"


def _usage(usage: Any) -> Mapping[str, Any]:
    counts = {name: getattr(usage, name, None) for name in _USAGE}
    split = getattr(usage, "cache_creation", None)
    one_hour = getattr(split, "ephemeral_1h_input_tokens", None)
    return {**counts, "cache_creation": {"ephemeral_1h_input_tokens": one_hour}}


def _diagnostics(message: Any) -> Any:
    diagnostics = getattr(message, "diagnostics", None)
    dump = getattr(diagnostics, "model_dump", None)
    return dump() if dump else diagnostics
