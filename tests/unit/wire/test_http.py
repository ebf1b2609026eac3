"""HTTP over real sockets: what servers do, and what becomes of it."""

from __future__ import annotations

import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from itertools import count
from threading import Barrier, Event
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from prefixwarm.errors import (
    ConnectError,
    ProtocolError,
    SettingsError,
    TransportError,
)
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import MAX_BODY_BYTES, HttpTransport, Request, Response
from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.loopback import Peer, Serve

PARTS = [
    *(b"HTTP/1.1 ", b"HTTP/1.1 200 OK\r\n", b"200", b"100", b"\r\n", b"\n", b"\r\n\r\n"),
    *(b"content-length: ", b"transfer-encoding: chunked", b"connection: ", b"close"),
    *(b"3", b"0", b"ab", b" ", b":", b"\xb2"),
]
KEPT = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
def transport() -> Iterator[HttpTransport]:
    """A transport without proxies."""
    made = HttpTransport({})
    yield made
    made.close()


def get(url: str, **headers: str) -> Request:
    """A request without a body."""
    return Request(method="GET", url=url, headers=headers)


def saying(data: bytes) -> Callable[[Peer], None]:
    """A server that reads one request, says this, and hangs up."""

    def answer(peer: Peer) -> None:
        peer.request()
        peer.say(data)

    return answer


def test_sends_the_request_as_given(serve: Serve, transport: HttpTransport, soon: Deadline) -> None:
    """Method, path with query, Host, headers in their own spelling, length and body."""
    server = serve(lambda peer: (peer.request(), peer.reply(b'{"a": 1}', request_id="r1")))
    request = Request(
        method="POST", url=f"{server.url}/v1/x?y=z", headers={"X-Amz-Target": "T"}, body=b"body"
    )
    response = transport.send(request, soon)
    head, body = server.requests[0]
    assert head.split("\r\n") == [
        "POST /v1/x?y=z HTTP/1.1",
        f"Host: 127.0.0.1:{server.port}",
        "X-Amz-Target: T",
        "Content-Length: 4",
    ]
    assert body == b"body"
    assert (response.status, response.body) == (200, b'{"a": 1}')
    assert response.headers["request-id"] == "r1"
    assert response.first_byte_after > 0


@pytest.mark.parametrize(
    ("data", "body"),
    [
        (KEPT, b"ok"),
        (b"HTTP/1.1 200\r\nContent-Length:0\r\n\r\n", b""),
        (b"HTTP/1.0 200 OK\n\nuntil the end", b"until the end"),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", b"ok"),
        (
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: Chunked\r\n\r\n"  # noqa: ISC004
            b"A;x=y\r\n0123456789\r\n1\r\n!\r\n0\r\nTrailer: t\r\n\r\n",
            b"0123456789!",
        ),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + KEPT, b"ok"),
        (b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 100 C\r\n\r\n" + KEPT, b"ok"),
    ],
)
def test_reads_every_framing(
    serve: Serve, transport: HttpTransport, soon: Deadline, data: bytes, body: bytes
) -> None:
    """Lengths, chunks, close-delimited bodies, no body, interim responses."""
    assert transport.send(get(serve(saying(data)).url), soon).body == body


@pytest.mark.parametrize("piece", [1, 7])
def test_reads_what_comes_in_pieces(
    serve: Serve, transport: HttpTransport, soon: Deadline, piece: int
) -> None:
    """Boundaries of packets mean nothing."""
    data = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"

    def answer(peer: Peer) -> None:
        peer.request()
        for start in range(0, len(data), piece):
            peer.say(data[start : start + piece])

    assert transport.send(get(serve(answer).url), soon).body == b"hello"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\nContent-Le",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: ten\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n",
        b"HTTP/1.1 " + b"9" * 5000 + b"\r\n\r\n",
        b"HTTP/2 200\r\n\r\n",
        b"SSH-2.0-OpenSSH_9.6\r\n",
        b"\x16\x03\x01\x02\x00",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 100_000 + b"\r\n\r\n",
    ],
)
def test_refuses_garbage(
    serve: Serve, transport: HttpTransport, soon: Deadline, data: bytes
) -> None:
    """Whatever is no complete HTTP/1 reply is one error of ours."""
    with pytest.raises(ProtocolError):
        transport.send(get(serve(saying(data)).url), soon)


def test_any_bytes_are_a_reply_or_our_error(
    serve: Serve, transport: HttpTransport, soon: Deadline
) -> None:
    """Nothing a server says escapes the tree of errors."""
    replies = [b""]
    server = serve(lambda peer: (peer.request(), peer.say(replies[0])))

    @given(st.lists(st.sampled_from(PARTS) | st.binary(max_size=3), max_size=16))
    def says(parts: list[bytes]) -> None:
        replies[0] = b"".join(parts)
        with suppress(TransportError):
            assert isinstance(transport.send(get(server.url), soon), Response)
        transport.close()

    says()


@pytest.mark.parametrize(
    "framing",
    [
        b"Content-Length: %d\r\n\r\n" % (MAX_BODY_BYTES + 1),
        b"\r\n",
        b"Transfer-Encoding: chunked\r\n\r\n",
    ],
)
def test_stops_at_a_huge_reply(
    serve: Serve, transport: HttpTransport, soon: Deadline, framing: bytes
) -> None:
    """No more than 8 MiB are ever held."""
    block = b"100000\r\n" + b"x" * 0x100000 + b"\r\n" if b"chunked" in framing else b"x" * 0x100000

    def answer(peer: Peer) -> None:
        peer.request()
        peer.say(b"HTTP/1.1 200 OK\r\n" + framing)
        for _ in range(40):
            peer.say(block)

    with pytest.raises(ProtocolError, match=str(MAX_BODY_BYTES)):
        transport.send(get(serve(answer).url), soon)


def test_reads_a_large_reply(serve: Serve, transport: HttpTransport, soon: Deadline) -> None:
    """8 MiB are still fine."""
    body = bytes(MAX_BODY_BYTES)
    server = serve(lambda peer: (peer.request(), peer.reply(body)))
    assert transport.send(get(server.url), soon).body == body


def keeping(peer: Peer) -> None:
    """A server that answers for as long as it is asked."""
    while True:
        peer.request()
        peer.reply(b"kept")


def test_keeps_its_connection(serve: Serve, transport: HttpTransport, soon: Deadline) -> None:
    """Many requests, one connection."""
    server = serve(keeping)
    for _ in range(5):
        assert transport.send(get(server.url), soon).body == b"kept"
    assert (server.connections, len(server.requests)) == (1, 5)


def test_keeps_a_connection_for_each_thread(
    serve: Serve, transport: HttpTransport, soon: Deadline
) -> None:
    """What was open at once is used again; nothing waits for another's exchange."""
    together = Barrier(4)

    def answer(peer: Peer) -> None:
        while True:
            peer.request()
            together.wait(PATIENCE)
            peer.reply(b"kept")

    server = serve(answer)
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            sent = [pool.submit(transport.send, get(server.url), soon) for _ in range(4)]
            assert [future.result().body for future in sent] == [b"kept"] * 4
    assert (server.connections, len(server.requests)) == (4, 12)


@pytest.mark.parametrize(
    "data",
    [
        b"HTTP/1.1 200 OK\r\nConnection: Close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        KEPT + b"and more than was announced",
    ],
)
def test_does_not_keep_what_cannot_be_kept(
    serve: Serve, transport: HttpTransport, soon: Deadline, data: bytes
) -> None:
    """A closing server, HTTP/1.0, and replies with bytes left over end the connection."""

    def answer(peer: Peer) -> None:
        peer.request()
        peer.say(data)
        peer.wait()

    server = serve(answer)
    for _ in range(2):
        assert transport.send(get(server.url), soon).body == b"ok"
    assert server.connections == 2


def test_survives_a_kept_connection_that_died(
    serve: Serve, transport: HttpTransport, soon: Deadline
) -> None:
    """The server hung up in the silence: the request goes out once more, on a new connection."""
    server = serve(lambda peer: (peer.request(), peer.reply(b"once")))
    for _ in range(3):
        assert transport.send(get(server.url), soon).body == b"once"
    assert (server.connections, len(server.requests)) == (3, 3)


def test_does_not_repeat_a_request_that_was_being_answered(
    serve: Serve, transport: HttpTransport, soon: Deadline
) -> None:
    """Once a reply has begun, the request may have been billed."""
    turns = count()

    def answer(peer: Peer) -> None:
        peer.request()
        peer.reply(b"whole")
        peer.request()
        next(turns)
        peer.say(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhalf")

    server = serve(answer)
    transport.send(get(server.url), soon)
    with pytest.raises(ProtocolError, match="cut short"):
        transport.send(get(server.url), soon)
    assert (server.connections, len(server.requests)) == (1, 2)


def test_many_threads_share_a_transport(
    serve: Serve, transport: HttpTransport, soon: Deadline
) -> None:
    """No reply reaches the wrong caller, and no socket is left open."""

    def answer(peer: Peer) -> None:
        while True:
            head, _ = peer.request()
            peer.reply(head.split()[1].encode())

    server = serve(answer)
    paths = [f"/{i}" for i in range(60)]
    with ThreadPoolExecutor(12) as pool:
        replies = pool.map(lambda path: transport.send(get(server.url + path), soon).body, paths)
    assert [body.decode() for body in replies] == paths


def test_says_that_a_connection_is_refused(transport: HttpTransport, soon: Deadline) -> None:
    """Nothing listens there: nothing was sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(ConnectError, match=f"127.0.0.1:{port}: Connection refused"):
        transport.send(get(f"http://127.0.0.1:{port}"), soon)


@pytest.mark.parametrize("host", ["nowhere.invalid", "a" * 64 + ".test", "a..b.test"])
def test_says_that_a_name_is_unknown(transport: HttpTransport, soon: Deadline, host: str) -> None:
    """A name that does not resolve, or cannot: nothing was sent."""
    with pytest.raises(ConnectError, match=f"{host}:80: "):
        transport.send(get(f"http://{host}/"), soon)


def test_does_not_wait_for_a_resolver_that_hangs(
    transport: HttpTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system's own knows no deadline."""
    answered = Event()
    monkeypatch.setattr("_socket.getaddrinfo", lambda *_args: answered.wait(PATIENCE))
    with pytest.raises(ConnectError, match=r"slow\.test:80: the name was not resolved in time"):
        transport.send(get("http://slow.test/"), Deadline.after(1))
    assert not answered.is_set()
    answered.set()


def test_tries_every_address(
    serve: Serve,
    transport: HttpTransport,
    soon: Deadline,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The first address of a name may be dead."""
    server = serve(keeping)
    addresses = [("127.0.0.1", 1), ("127.0.0.1", server.port)]
    resolved = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in addresses]
    monkeypatch.setattr("_socket.getaddrinfo", lambda *_args: resolved)
    assert transport.send(get("http://two.test/"), soon).body == b"kept"


@pytest.mark.parametrize(
    "request_",
    [
        get("http://{}/", key="a\r\nX-Evil: 1"),
        get("http://{}/", key="a\nb"),
        get("http://{}/", key="a\0b"),
        get("http://{}/", **{"k\r\nX-Evil": "1"}),
        get("http://{}/a b"),
        get("http://{}/\r\nX-Evil: 1"),
        get("http://{}/é"),
        get("http://{}/", key="snow ☃"),
    ],
)
def test_refuses_header_injection(
    serve: Serve, transport: HttpTransport, soon: Deadline, request_: Request
) -> None:
    """Line breaks and what HTTP cannot carry never reach the wire."""
    server = serve(keeping)
    url = request_.url.format(server.url.removeprefix("http://"))
    with pytest.raises(ProtocolError):
        transport.send(request_.replace(url=url), soon)
    assert server.requests == []


def test_does_not_follow_redirects(serve: Serve, transport: HttpTransport, soon: Deadline) -> None:
    """Credentials go where they were meant to, or nowhere."""
    server = serve(lambda peer: (peer.request(), peer.reply(status=307, Location="http://x.test")))
    assert transport.send(get(server.url), soon).status == 307
    assert len(server.requests) == 1


def test_refuses_what_is_not_a_url(transport: HttpTransport, soon: Deadline) -> None:
    """A base URL without its scheme is the user's to mend."""
    with pytest.raises(SettingsError, match="is not a URL"):
        transport.send(get("api.anthropic.com"), soon)
