"""A server on loopback that misbehaves as it is told."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Behaviour = Callable[[socket.socket, "FaultyServer"], None]


ENDS = b"\r\n\r\n"


class FaultyServer:
    """Answers every connection with one behaviour, until it is closed.

    Parameters
    ----------
    behaviour
        What is done with a connection.
    tls
        Wraps each connection first; without it TLS clients get plain text.
    """

    def __init__(self, behaviour: Behaviour, tls: ssl.SSLContext | None = None) -> None:
        self._behaviour = behaviour
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.closed = threading.Event()
        self.port = self._listener.getsockname()[1]

    def __enter__(self) -> FaultyServer:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closed.set()
        self._listener.close()

    @property
    def url(self) -> str:
        """Its plain address."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        """Its address for TLS clients."""
        return f"https://localhost:{self.port}"

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError, ssl.SSLError), connection:
            secured = self._tls.wrap_socket(connection, True) if self._tls else connection
            with secured:
                self._behaviour(secured, self)


def read_request(connection: socket.socket) -> bytes:
    """One whole request."""
    data = b""
    while ENDS not in data:
        data += connection.recv(65536) or ENDS
    head, _, body = data.partition(ENDS)
    names = dict(line.lower().split(b": ", 1) for line in head.splitlines()[1:] if b": " in line)
    while len(body) < int(names.get(b"content-length", b"0")):
        chunk = connection.recv(65536)
        if not chunk:
            break
        body += chunk
    return data


def hang(connection: socket.socket, server: FaultyServer) -> None:
    """Take the request and never answer."""
    read_request(connection)
    server.closed.wait(30)


def silent(_connection: socket.socket, server: FaultyServer) -> None:
    """Accept, and not even read: a TLS handshake hangs too."""
    server.closed.wait(30)


def blurt(connection: socket.socket, _server: FaultyServer) -> None:
    """Answer in plain text whatever is asked, as a web server does on a TLS port."""
    connection.recv(1)
    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")


def reset(connection: socket.socket, _server: FaultyServer) -> None:
    """Reset the connection."""
    connection.recv(1)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")


def send(data: bytes) -> Behaviour:
    """Take the request, send these bytes, and close."""

    def behave(connection: socket.socket, _server: FaultyServer) -> None:
        read_request(connection)
        connection.sendall(data)

    return behave


def reply(status: int, body: object, **headers: str) -> Behaviour:
    """A whole reply; what is not bytes is sent as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    named = {
        "content-length": str(len(data)),
        **{k.replace("_", "-"): v for k, v in headers.items()},
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return send(f"HTTP/1.1 {status} Words\r\n{lines}\r\n".encode() + data)


def drip(connection: socket.socket, server: FaultyServer) -> None:
    """A correct reply, a byte at a time, longer than anyone waits."""
    read_request(connection)
    for byte in b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n" + b" " * 1000:
        connection.sendall(bytes([byte]))
        if server.closed.wait(0.02):
            return


def endless(connection: socket.socket, server: FaultyServer) -> None:
    """A chunked reply without an end."""
    read_request(connection)
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    started = time.monotonic()
    while not server.closed.is_set() and time.monotonic() - started < 20:
        connection.sendall(b"10000\r\n" + b" " * 65536 + b"\r\n")
