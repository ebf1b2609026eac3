"""Reads the usage of a streamed reply while the caller reads the reply."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeVar, cast

from prefixwarm.usage.body_tap import tee
from prefixwarm.usage.reading import read_usage
from prefixwarm.usage.streaming import StreamedUsage

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator

    from prefixwarm.usage.reading import Reading

    # Receives what a reply billed; None if the reply did not say.
    Done = Callable[[Reading | None], None]

_Reply = TypeVar("_Reply")


def events(stream: Any, done: Done) -> Iterator[Any]:
    """Yield a stream's events unchanged; call `done` once, even if the caller stops early."""
    usage = StreamedUsage()
    try:
        for event in stream:
            with suppress(Exception):
                usage.add(event)
            yield event
    finally:
        _end(usage, done)


async def async_events(stream: Any, done: Done) -> AsyncIterator[Any]:
    """`events` for an asynchronous stream."""
    usage = StreamedUsage()
    try:
        async for event in stream:
            with suppress(Exception):
                usage.add(event)
            yield event
    finally:
        _end(usage, done)


def _end(usage: StreamedUsage, done: Done) -> None:
    with suppress(Exception):
        done(usage.reading())


def tap(stream: Any, done: Done) -> Any:
    """Return the stream, with `done` called at its end.

    A stream of anthropic or openai stays the same object; others become a `TappedStream`.
    """
    if not hasattr(stream, "_iterator"):
        return TappedStream(stream, done)
    tapped = async_events if hasattr(stream, "__aiter__") else events
    stream.__dict__["_iterator"] = tapped(stream._iterator, done)
    return stream


def tap_reply(reply: _Reply, done: Done) -> _Reply:
    """Report what a reply billed: at once if it is complete, or else once the caller has read it.

    Returns
    -------
    object
        The object to return in place of the reply.
    """
    if isinstance(reply, dict) and ("stream" in reply or "body" in reply):
        return cast("_Reply", tap_bedrock(reply, done))
    if is_stream(reply):
        return cast("_Reply", tap(reply, done))
    done(read_usage(reply))
    return reply


def tap_bedrock(reply: dict[str, Any], done: Done) -> dict[str, Any]:
    """`tap_reply` for a boto3 reply; replaces its stream or body in place."""
    body = reply.get("body")
    if "usage" in reply:
        done(read_usage(reply))
    elif "stream" in reply:
        reply["stream"] = TappedStream(reply["stream"], done)
    elif hasattr(body, "read"):
        reply["body"] = tee(body, lambda data: done(read_usage(json.loads(data))))
    elif body is not None:
        reply["body"] = TappedStream(body, done)
    return reply


def is_stream(reply: Any) -> bool:
    """Whether a reply is a stream of events."""
    whole = isinstance(reply, dict | list | tuple | str | bytes) or hasattr(reply, "model_dump")
    return not whole and (hasattr(reply, "__iter__") or hasattr(reply, "__aiter__"))


class TappedStream:
    """A stream whose usage is read on the way; otherwise behaves like the stream itself."""

    def __init__(self, stream: Any, done: Done) -> None:
        self._stream = stream
        self._done = done
        self._events: Any = None

    def __iter__(self) -> Any:
        return self._tapped(events)

    def __aiter__(self) -> Any:
        return self._tapped(async_events)

    def __next__(self) -> Any:
        return next(self._tapped(events))

    async def __anext__(self) -> Any:
        return await anext(self._tapped(async_events))

    def __enter__(self) -> TappedStream:
        self._stream.__enter__()
        return self

    def __exit__(self, *error: object) -> Any:
        return self._stream.__exit__(*error)

    async def __aenter__(self) -> TappedStream:
        await self._stream.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> Any:
        return await self._stream.__aexit__(*error)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def _tapped(self, tap: Callable[[Any, Done], Any]) -> Any:
        if self._events is None:
            self._events = tap(self._stream, self._done)
        return self._events
