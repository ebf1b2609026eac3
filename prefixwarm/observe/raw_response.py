"""Reads a response while the caller reads its raw body, as with `with_streaming_response`."""

from __future__ import annotations

import json
from contextlib import suppress
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping

    Report = Callable[[Mapping[str, Any]], Any]


_START = b'"message_start"'
# A stream's first event holds the cache usage.
_MOST_OF_A_STREAM = 256 * 1024


class _Copy:
    """The part of the body read so far that still matters."""

    def __init__(self, report: Report, stream: bool) -> None:
        self._report = report
        self._stream = stream
        self._data = bytearray()
        self._open = True

    def add(self, chunk: bytes) -> Any:
        """Add a chunk; if it completes a stream's first event, return the result of `report`."""
        if not self._open:
            return None
        self._data += chunk
        if not self._stream:
            return None
        if len(self._data) > _MOST_OF_A_STREAM:
            self._open = False
        for line in bytes(self._data).splitlines(keepends=True):
            if line.startswith(b"data:") and _START in line and line.endswith(b"\n"):
                self._open = False
                return self._report(json.loads(line[5:])["message"])
        return None

    def end(self) -> Any:
        """Return the result of `report` for a completely read body."""
        if self._stream or not self._open:
            return None
        self._open = False
        return self._report(json.loads(bytes(self._data)))


def read_along(
    http_response: Any, stream: bool, report: Report, wait: Callable[[Any], Any]
) -> None:
    """Report the message when the caller has read it, and wait for that at the body's end.

    Parameters
    ----------
    http_response : httpx.Response
        A response with an unread body.
    stream : bool
        Whether the body holds events.
    report : callable
        Receives the message; returns what `wait` waits for.
    wait : callable
        Waits briefly.
    """
    original = http_response.iter_bytes

    def iter_bytes(*arguments: Any, **more: Any) -> Iterator[bytes]:
        copy, done = _Copy(report, stream), None
        for chunk in original(*arguments, **more):
            with suppress(Exception):
                done = copy.add(chunk) or done
            yield chunk
        with suppress(Exception):
            wait(copy.end() or done)

    http_response.iter_bytes = iter_bytes


def read_along_async(
    http_response: Any, stream: bool, report: Report, wait: Callable[[Any], Awaitable[Any]]
) -> None:
    """`read_along` for an asynchronous response."""
    original = http_response.aiter_bytes

    async def aiter_bytes(*arguments: Any, **more: Any) -> AsyncIterator[bytes]:
        copy, done = _Copy(report, stream), None
        async for chunk in original(*arguments, **more):
            with suppress(Exception):
                done = copy.add(chunk) or done
            yield chunk
        with suppress(Exception):
            await wait(copy.end() or done)

    http_response.aiter_bytes = aiter_bytes
