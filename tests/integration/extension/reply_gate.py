"""A relay in front of the provider that lets requests through, and replies when a test says so."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable


class ReplyGate:
    """Listens on loopback until the end of its context.

    Parameters
    ----------
    url
        Where requests are passed on to.
    """

    def __init__(self, url: str) -> None:
        target = urlsplit(url)
        assert target.hostname is not None
        assert target.port is not None
        self._target = (target.hostname, target.port)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._sockets = [self._listener]
        self._opened = threading.Event()
        self.passed = threading.Event()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self) -> ReplyGate:
        self._start(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        self._opened.set()
        for connection in self._sockets:
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
            connection.close()

    def open(self) -> None:
        """Let replies through, and return when the first one is with the client's machine."""
        self._opened.set()
        assert self.passed.wait(PATIENCE), "the provider has not replied"

    def _start(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(target=work, args=arguments, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                provider = socket.create_connection(self._target)
                self._sockets += [client, provider]
                self._start(self._pass, client, provider)
                self._start(self._pass_when_open, provider, client)

    def _pass_when_open(self, provider: socket.socket, client: socket.socket) -> None:
        self._opened.wait()
        self._pass(provider, client, self.passed)

    @staticmethod
    def _pass(
        source: socket.socket, target: socket.socket, passed: threading.Event | None = None
    ) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                target.sendall(data)
                if passed:
                    passed.set()
            target.shutdown(socket.SHUT_WR)
