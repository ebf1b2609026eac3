"""Serves HTTP/1.1 on one connection: parses requests and sends replies at their times."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import deque
from http import HTTPStatus
from typing import TYPE_CHECKING, cast

import httptools

from prefixwarm.simulator.http_types import Reply, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.simulator.reply_schedule import Schedule


# https://platform.claude.com/docs/en/api/errors: 413 above 32 MB.
MAXIMUM_BODY = 32 * 1024 * 1024
_MAXIMUM_HEAD = 1024 * 1024
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_BAD = b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
_NOW_LINGER = struct.pack("ii", 1, 0)


class Connection(asyncio.Protocol):
    """One client's connection; its requests are answered one after another.

    Parameters
    ----------
    respond : callable
        Answers a request.
    schedule : Schedule
        Decides when the reply is sent.
    """

    def __init__(self, respond: Callable[[Request], Reply], schedule: Schedule) -> None:
        self._respond = respond
        self._schedule = schedule
        self._parser = httptools.HttpRequestParser(self)
        self._waiting: deque[tuple[Request, bool]] = deque()
        self._busy: asyncio.Task[None] | None = None
        self._transport: asyncio.Transport | None = None
        self._head_size = 0
        self._in_head = True
        self._clear()

    def _clear(self) -> None:
        self._target = b""
        self._headers: dict[str, str] = {}
        self._chunks: list[bytes] = []
        self._size = 0

    # Called by asyncio.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take a new connection."""
        self._transport = cast(asyncio.Transport, transport)
        self._schedule.opened(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        """Drop what is still to be sent."""
        self._transport = None
        self._schedule.closed(self)
        if self._busy is not None:
            self._busy.cancel()

    def data_received(self, data: bytes) -> None:
        """Parse received bytes."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserUpgrade, httptools.HttpParserError):
            self._refuse()
        self._head_size += len(data) if self._in_head else 0
        if self._head_size > _MAXIMUM_HEAD:
            self._refuse()

    def drop(self) -> None:
        """Close without sending anything more."""
        if self._transport is not None:
            self._transport.abort()

    def _refuse(self) -> None:
        if self._transport is not None:
            self._transport.write(_BAD)
            self._transport.close()

    # Called by the parser.

    def on_message_begin(self) -> None:
        """Start a request."""
        self._clear()

    def on_url(self, url: bytes) -> None:
        """Append to the request target."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; repeated ones are joined."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._headers[key] = f"{self._headers[key]}, {text}" if key in self._headers else text

    def on_headers_complete(self) -> None:
        """Send 100 Continue to a client that waits for it."""
        self._in_head, self._head_size = False, 0
        if self._headers.get("expect", "").lower() == "100-continue" and self._transport:
            self._transport.write(_CONTINUE)

    def on_body(self, data: bytes) -> None:
        """Append to the body, up to the provider's size limit."""
        self._size += len(data)
        if self._size <= MAXIMUM_BODY:
            self._chunks.append(data)

    def on_message_complete(self) -> None:
        """Hand the request over."""
        self._in_head = True
        too_large = self._size > MAXIMUM_BODY
        body = b"" if too_large else b"".join(self._chunks)
        path, _, query = self._target.decode("latin-1").partition("?")
        method = self._parser.get_method().decode()
        request = Request(method, path, query, self._headers, body, too_large)
        self._waiting.append((request, self._parser.should_keep_alive()))
        self._schedule.arrived(self)
        if self._busy is None:
            self._next()

    # Answering.

    def _next(self) -> None:
        self._busy = None
        if self._waiting and self._transport is not None:
            request, keep_alive = self._waiting.popleft()
            reply = self._respond(request)
            delay = self._schedule.delay(reply)
            if delay is None:
                self._send_whole(reply)
                self._finish(keep_alive)
            else:
                self._busy = asyncio.ensure_future(self._send_later(reply, keep_alive))

    def _send_whole(self, reply: Reply) -> None:
        body = b"".join(part.data for part in reply.parts)
        self._write(reply, _head(reply, len(body)) + body)

    async def _send_later(self, reply: Reply, keep_alive: bool) -> None:
        if reply.streamed and reply.cut is None:
            await self._send_stream(reply)
        else:
            await self._schedule.until(reply, reply.parts[-1].after if reply.parts else 0.0)
            self._send_whole(reply)
        self._finish(keep_alive)

    async def _send_stream(self, reply: Reply) -> None:
        pending = [_head(reply, None)]
        for index, part in enumerate(reply.parts):
            pending.append(b"%x\r\n%b\r\n" % (len(part.data), part.data))
            last = index + 1 == len(reply.parts)
            if last or reply.parts[index + 1].after > part.after:
                await self._schedule.until(reply, part.after)
                self._write(reply, b"".join(pending))
                pending = []
        self._write(reply, b"0\r\n\r\n")

    def _write(self, reply: Reply, data: bytes) -> None:
        if self._transport is None:
            return
        if reply.cut is None:
            self._transport.write(data)
        else:
            self._reset()

    def _reset(self) -> None:
        """Drop the connection so that the client sees a reset."""
        assert self._transport is not None
        plug = self._transport.get_extra_info("socket")
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NOW_LINGER)
        self._transport.abort()

    def _finish(self, keep_alive: bool) -> None:
        if not keep_alive and self._transport is not None:
            self._transport.close()
        self._next()


def _head(reply: Reply, length: int | None) -> bytes:
    try:
        phrase = HTTPStatus(reply.status).phrase
    except ValueError:
        phrase = "Overloaded"
    size = "transfer-encoding: chunked" if length is None else f"content-length: {length}"
    lines = "".join(f"{name}: {value}\r\n" for name, value in reply.headers.items())
    return f"HTTP/1.1 {reply.status} {phrase}\r\n{lines}{size}\r\n\r\n".encode("latin-1")
