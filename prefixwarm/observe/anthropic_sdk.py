"""Middleware for the anthropic SDK 2.x: sync, async, and streaming.

Nothing of the SDK is imported; what is used of it is its middleware interface
(``anthropic._middleware``) and that a stream yields its events from ``_iterator``.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from prefixwarm.observe.breakpoint import with_breakpoint
from prefixwarm.observe.observer import Observer
from prefixwarm.prefix.prompt import SHAPING_HEADERS
from prefixwarm.warm.call_context import is_warm_call

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    from prefixwarm.observe.observer import Sent


_PATH = "/v1/messages"
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
    """Observe the requests of a synchronous client.

    Parameters
    ----------
    observer : Observer, optional
        What observes; by default one with the installed prefix files.
    add_breakpoint : bool
        Add the breakpoint at the prefix's end to requests that have none there.

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
        if (
            sent is not None
            and (again := _without_diagnosis(watch, sent, outgoing, response)) is not None
        ):
            sent, outgoing = again
            with suppress(Exception):
                response.http_response.close()
            response = call_next(outgoing)
        if sent is not None and _readable(request, response):
            with suppress(Exception):
                _end(watch, sent, response, response.parse(), request.stream)
        return response

    return handle


def async_middleware(
    observer: Observer | None = None, *, add_breakpoint: bool = False
) -> Callable[[Any, Callable[[Any], Awaitable[Any]]], Awaitable[Any]]:
    """Observe the requests of an asynchronous client; otherwise like `middleware`."""
    watch = observer or Observer()

    async def handle(request: Any, call_next: Callable[[Any], Awaitable[Any]]) -> Any:
        sent, outgoing = _begin(watch, request), request
        if sent is not None:
            await watch.wait_async(sent)
            sent, outgoing = _leave(watch, sent, request, add_breakpoint)
        response = await call_next(outgoing)
        if (
            sent is not None
            and (again := _without_diagnosis(watch, sent, outgoing, response)) is not None
        ):
            sent, outgoing = again
            with suppress(Exception):
                await response.http_response.aclose()
            response = await call_next(outgoing)
        if sent is not None and _readable(request, response):
            with suppress(Exception):
                _end(watch, sent, response, await response.parse(), request.stream)
        return response

    return handle


def _begin(watch: Observer, request: Any) -> Sent | None:
    with suppress(Exception):
        if is_warm_call():
            return None
        if request.method.lower() != "post" or request.url.partition("?")[0] != _PATH:
            return None
        body = request.json
        extra = getattr(request.options, "extra_json", None)
        headers = {k.lower(): v for k, v in request.headers.items() if isinstance(v, str)}
        return watch.begin({**body, **extra} if extra else body, headers)
    return None


def _leave(watch: Observer, sent: Sent, request: Any, add_breakpoint: bool) -> tuple[Sent, Any]:
    """What to observe, and the request to send: the same, but for what was asked to be added."""
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
    watch: Observer, sent: Sent, outgoing: Any, response: Any
) -> tuple[Sent, Any] | None:
    """The request to send again: without the question, where that may be what was refused."""
    with suppress(Exception):
        if sent.named and response.status_code == 400:
            body = {name: value for name, value in outgoing.json.items() if name != "diagnostics"}
            return watch.without_diagnosis(sent), outgoing.copy(body=body)
    return None


def _readable(request: Any, response: Any) -> bool:
    """Whether reading the response takes nothing away from the caller."""
    with suppress(Exception):
        mode = {k.lower(): v for k, v in request.headers.items()}.get(_RAW)
        return bool(mode != "stream" and response.http_response.is_success)
    return False


def _end(watch: Observer, sent: Sent, response: Any, parsed: Any, stream: bool) -> None:
    def report(message: Any) -> None:
        watch.end(sent, _usage(message.usage), _diagnostics(message), headers)

    headers = _shaping(response)
    if not stream:
        report(parsed)
    elif hasattr(parsed, "__aiter__"):
        parsed.__dict__["_iterator"] = _tapped_async(report, parsed._iterator)
    else:
        parsed.__dict__["_iterator"] = _tapped(report, parsed._iterator)


def _shaping(response: Any) -> dict[str, str] | None:
    """What went out, with what the client adds to every request: the middleware sees none of it."""
    with suppress(Exception):
        headers = response.http_response.request.headers
        return {name: headers[name] for name in SHAPING_HEADERS if name in headers}
    return None


def _tapped(report: Callable[[Any], None], events: Iterator[Any]) -> Iterator[Any]:
    for event in events:
        _report_start(report, event)
        yield event


async def _tapped_async(report: Callable[[Any], None], events: AsyncIterator[Any]) -> Any:
    async for event in events:
        _report_start(report, event)
        yield event


def _report_start(report: Callable[[Any], None], event: Any) -> None:
    """The cache fields are complete in the stream's first event."""
    with suppress(Exception):
        if event.type == "message_start":
            report(event.message)


def _usage(usage: Any) -> Mapping[str, Any]:
    counts = {name: getattr(usage, name, None) for name in _USAGE}
    split = getattr(usage, "cache_creation", None)
    one_hour = getattr(split, "ephemeral_1h_input_tokens", None)
    return {**counts, "cache_creation": {"ephemeral_1h_input_tokens": one_hour}}


def _diagnostics(message: Any) -> Any:
    diagnostics = getattr(message, "diagnostics", None)
    dump = getattr(diagnostics, "model_dump", None)
    return dump() if dump else diagnostics
