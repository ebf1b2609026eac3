"""Deadlines are absolute: no server can make an exchange outlive them."""

from __future__ import annotations

from functools import partial
from itertools import count
from threading import Event
from time import sleep
from typing import TYPE_CHECKING

import pytest

from prefixwarm.errors import ConnectError
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import HttpTransport, Request
from tests.helpers.waiting import PATIENCE, runs_out

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.unit.loopback import Peer, Serve


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    """A transport without proxies."""
    made = HttpTransport({})
    yield made
    made.close()


def get(url: str) -> Request:
    """A request without a body."""
    return Request(method="GET", url=url)


def test_holds_the_deadline_against_silence(serve: Serve, transport: HttpTransport) -> None:
    """Accept, then hang."""
    server = serve(lambda peer: (peer.request(), peer.wait()))
    runs_out(partial(transport.send, get(server.url)), 0.1)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_holds_the_deadline_against_a_drip(
    serve: Serve, transport: HttpTransport, start: bytes
) -> None:
    """A byte every few milliseconds would outlive any time-out that starts anew."""
    dripped = count()

    def answer(peer: Peer) -> None:
        peer.request()
        peer.say(start)
        for _ in range(2000):
            peer.say(b"a")
            next(dripped)
            sleep(0.01)

    server = serve(answer)
    runs_out(partial(transport.send, get(server.url)), 0.2)
    assert next(dripped) < 1500


def test_holds_the_deadline_against_interim_replies(serve: Serve, transport: HttpTransport) -> None:
    """100 Continue, for ever."""

    def answer(peer: Peer) -> None:
        peer.request()
        while True:
            peer.say(b"HTTP/1.1 100 Continue\r\n\r\n" * 50)

    runs_out(partial(transport.send, get(serve(answer).url)), 0.2)


def test_holds_the_deadline_while_sending(serve: Serve, transport: HttpTransport) -> None:
    """A server that never reads stops a large request."""
    over = Event()
    server = serve(lambda _peer: over.wait(PATIENCE) and None)
    request = Request(method="POST", url=server.url, body=bytes(32 * 1024 * 1024))
    runs_out(partial(transport.send, request), 0.3)
    over.set()


def test_sends_nothing_when_time_is_over(serve: Serve, transport: HttpTransport) -> None:
    """A deadline that has passed opens no connection."""
    server = serve(lambda peer: (peer.request(), peer.reply()))
    with pytest.raises(ConnectError, match="no connection in time"):
        transport.send(get(server.url), Deadline.after(-1))
    assert server.requests == []
