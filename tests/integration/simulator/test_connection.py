"""HTTP as it really arrives: in pieces, pipelined, chunked, cut short, or not HTTP at all."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import httpx2
import pytest

from prefixwarm.simulator import running
from tests.helpers.waiting import PATIENCE, until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator import Simulator
    from tests.integration.simulator.conftest import Api, MakeApi, MakeJson


@pytest.fixture
def plug(sim: Simulator) -> Iterator[socket.socket]:
    """A raw connection."""
    url = urlsplit(sim.url)
    with socket.create_connection((url.hostname, url.port), timeout=PATIENCE) as plug:
        yield plug


def head(length: int | None, *more: str) -> bytes:
    """The head of a request for a message."""
    lines = ["POST /v1/messages HTTP/1.1", "host: x", "x-api-key: k", *more]
    lines.append("anthropic-version: 2023-06-01")
    if length is not None:
        lines.append(f"content-length: {length}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def replies(plug: socket.socket, count: int) -> bytes:
    """Read until so many replies with usage have arrived."""
    data = b""
    while data.count(b'"usage"') < count:
        piece = plug.recv(65536)
        assert piece, data
        data += piece
    return data


def test_requests_arrive_in_pieces(plug: socket.socket, body: MakeJson) -> None:
    content = json.dumps(body()).encode()
    whole = head(len(content)) + content
    for at in range(0, len(whole), 997):
        plug.sendall(whole[at : at + 997])
    assert replies(plug, 1).startswith(b"HTTP/1.1 200 OK")


def test_pipelined_requests_are_answered_in_order(plug: socket.socket, body: MakeJson) -> None:
    contents = [json.dumps(body(max_tokens=n)).encode() for n in (0, 1, 2)]
    plug.sendall(b"".join(head(len(content)) + content for content in contents))
    data = replies(plug, 3)
    places = [data.index(b'"output_tokens":%d' % n) for n in (0, 1, 2)]
    assert places == sorted(places)


def test_chunked_bodies(plug: socket.socket, body: MakeJson) -> None:
    content = json.dumps(body()).encode()
    plug.sendall(head(None, "transfer-encoding: chunked"))
    for at in range(0, len(content), 1000):
        piece = content[at : at + 1000]
        plug.sendall(b"%x\r\n%b\r\n" % (len(piece), piece))
    plug.sendall(b"0\r\n\r\n")
    assert b"200 OK" in replies(plug, 1)


def test_a_client_that_waits_is_told_to_continue(plug: socket.socket, body: MakeJson) -> None:
    content = json.dumps(body()).encode()
    plug.sendall(head(len(content), "expect: 100-continue"))
    assert plug.recv(1000).startswith(b"HTTP/1.1 100 Continue")
    plug.sendall(content)
    assert b"200 OK" in replies(plug, 1)


def test_connection_close_is_obeyed(plug: socket.socket, body: MakeJson) -> None:
    content = json.dumps(body()).encode()
    plug.sendall(head(len(content), "connection: close") + content)
    data = replies(plug, 1)
    while piece := plug.recv(65536):
        data += piece
    assert data.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "rubbish", [b"\x16\x03\x01\x02\x00", b"GET\r\n\r\n", b"POST / HTTP/9.9\r\n\r\n", b"\0" * 100]
)
def test_what_is_not_http_is_refused(sim: Simulator, plug: socket.socket, rubbish: bytes) -> None:
    plug.sendall(rubbish + b"\r\n\r\n")
    assert plug.recv(1000).startswith(b"HTTP/1.1 400")
    assert sim.requests() == []


def test_a_client_that_leaves_is_forgotten(
    sim: Simulator, plug: socket.socket, api: Api, body: MakeJson
) -> None:
    content = json.dumps(body()).encode()
    plug.sendall(head(len(content)) + content[:100])
    plug.close()
    assert api.counts(body())[1] == 2000
    assert len(sim.requests()) == 1


def test_a_client_that_leaves_before_the_reply_is_served(body: MakeJson) -> None:
    with running(clock="real", latency={"base": 30.0}) as sim:
        impatient = httpx2.Timeout(PATIENCE, read=0.2)
        with httpx2.Client(base_url=sim.url, timeout=impatient) as client:
            headers = {"x-api-key": "k", "anthropic-version": "2023-06-01"}
            with pytest.raises(httpx2.ReadTimeout):
                client.post("/v1/messages", json=body(), headers=headers)
        [request] = until(sim.requests)
    assert request["status"] == 200


def test_calls_that_are_open_together_start_together(make_api: MakeApi, body: MakeJson) -> None:
    """Threads with connections of their own: all miss on the manual clock."""
    api = make_api(gather=0.25)
    barrier = threading.Barrier(8)

    def call() -> None:
        with httpx2.Client(base_url=api.sim.url, timeout=PATIENCE) as client:
            barrier.wait()
            client.post("/v1/messages", json=body(), headers=api.headers)

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    requests = api.sim.requests()
    assert len({request["time"] for request in requests}) == 1
    assert all(request["usage"]["cache_creation_input_tokens"] for request in requests)


def test_a_spare_connection_does_not_stop_others(
    sim: Simulator, plug: socket.socket, api: Api, body: MakeJson
) -> None:
    """`plug` is open and says nothing."""
    assert api.counts(body())[1] == 2000
    assert api.counts(body())[0] == 2000


@pytest.mark.parametrize("start", [b"GET /", b"GET / HTTP/1.1\r\nhost: x\r\na: "])
def test_a_head_that_does_not_end(plug: socket.socket, sim: Simulator, start: bytes) -> None:
    """It is not kept in memory; others are served meanwhile."""
    plug.sendall(start)
    with pytest.raises(ConnectionError):
        plug.sendall(b"a" * 64 * 1024 * 1024)
    assert httpx2.get(sim.url, timeout=PATIENCE).status_code == 200
