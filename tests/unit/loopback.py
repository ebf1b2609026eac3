"""A server on loopback that says, byte by byte, what a test wants it to say."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable

    Answer = Callable[["Peer"], None]
    Serve = Callable[..., "Server"]


class Peer:
    """The server's end of one connection."""

    def __init__(self, connection: socket.socket, server: Server) -> None:
        self.connection = connection
        self.server = server
        self._buffer = b""

    def head(self) -> str:
        """Read one request's head."""
        return self._until(b"\r\n\r\n").decode("latin-1")

    def request(self) -> tuple[str, bytes]:
        """Read one request, and note it."""
        head = self.head()
        size = next(
            (int(line.split(":")[1]) for line in head.lower().split("\r\n") if "length:" in line), 0
        )
        while len(self._buffer) < size:
            self._fill()
        body, self._buffer = self._buffer[:size], self._buffer[size:]
        self.server.requests.append((head, body))
        return head, body

    def say(self, data: bytes) -> None:
        """Send bytes as they are."""
        self.connection.sendall(data)

    def reply(self, body: bytes = b"{}", status: int = 200, **headers: str) -> None:
        """Send a whole response."""
        lines = [f"HTTP/1.1 {status} Whatever", f"Content-Length: {len(body)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        self.say("\r\n".join([*lines, "", ""]).encode() + body)

    def wait(self) -> None:
        """Do nothing until the client is gone or the test is over."""
        with suppress(OSError):
            while self.connection.recv(65536):
                pass

    def _until(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._fill()
        taken, _, self._buffer = self._buffer.partition(end)
        return taken

    def _fill(self) -> None:
        if not (chunk := self.connection.recv(65536)):
            raise ConnectionResetError
        self._buffer += chunk


class Server:
    """Listens on a loopback port; each connection is answered in a thread of its own."""

    def __init__(self, answer: Answer, tls: ssl.SSLContext | None) -> None:
        self._answer = answer
        self._tls = tls
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self.connections = 0
        self.requests: list[tuple[str, bytes]] = []
        self.port: int = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"
        self._start(self._accept)

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                self._open.append(connection)
                self._start(self._serve, connection)

    def _serve(self, connection: socket.socket) -> None:
        with suppress(OSError), connection:
            if self._tls:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection:
                self._answer(Peer(connection, self))

    def close(self) -> None:
        """Drop all connections and wait for the threads."""
        for one in (self._listener, *self._open):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(10)
