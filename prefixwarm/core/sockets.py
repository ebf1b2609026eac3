"""TCP and TLS over the interpreter's own `_socket` and `_ssl`.

The modules `socket` and `ssl` wrap these in enums and classes whose import costs the init phase
60 million instructions. Nothing is lost: the chain and the host name are verified by `_ssl`
itself for a client context. Tested with each supported interpreter.
"""

from __future__ import annotations

import _socket
import _ssl

from prefixwarm.core.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prefixwarm.core.deadline import Deadline

__all__ = ["Connection", "TlsRoots", "connect", "start_tls"]

_TLS_CLIENT = 16  # ssl.PROTOCOL_TLS_CLIENT
_HTTP_1_1 = b"\x08http/1.1"


class Connection:
    """A connected socket, with or without TLS; every wait is bounded by what `limit` leaves."""

    def __init__(self, raw: _socket.socket, tls: Any = None) -> None:
        self._raw = raw
        self._tls = tls

    def send_all(self, data: bytes, limit: Deadline) -> None:
        """Send everything.

        Raises
        ------
        OSError
            When the peer is gone; TimeoutError when the time is over.
        """
        view = memoryview(data)
        while view:
            self._raw.settimeout(limit.require("sending"))
            sent = self._tls.write(view) if self._tls else self._raw.send(view)
            view = view[sent:]

    def receive(self, limit: Deadline) -> bytes:
        """Some bytes; none when the peer has closed."""
        self._raw.settimeout(limit.require("reading the reply"))
        if not self._tls:
            return self._raw.recv(65536)
        try:
            data: bytes = self._tls.read(65536)
        except _ssl.SSLZeroReturnError:
            return b""
        return data

    def close(self) -> None:
        """Close at once."""
        self._tls = None
        self._raw.close()

    def with_tls(self, context: Any, host: str, limit: Deadline) -> Connection:
        """This connection with TLS on it, verified."""
        self._raw.settimeout(limit.require(f"TLS with {host}"))
        tls = context._wrap_socket(self._raw, False, host)
        tls.do_handshake()
        return Connection(self._raw, tls)


class TlsRoots(Record):
    """Where CA roots come from: a bundle, a hashed folder, or the system's own."""

    bundle: str | None = None
    folder: str | None = None


def connect(host: str, port: int, limit: Deadline) -> Connection:
    """Connect to the first of the host's addresses that answers.

    Raises
    ------
    OSError
        When none does, or the name is unknown; TimeoutError when the time is over.
    """
    failure: OSError | None = None
    name = host.encode("ascii" if host.isascii() else "idna")
    for family, kind, protocol, _, address in _socket.getaddrinfo(
        name, port, 0, _socket.SOCK_STREAM
    ):
        raw = _socket.socket(family, kind, protocol)
        try:
            raw.settimeout(limit.require(f"connecting to {host}"))
            raw.connect(address)
            raw.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            return Connection(raw)
        except OSError as error:
            raw.close()
            failure = error
    raise failure or OSError(f"{host} has no address")


def start_tls(connection: Connection, host: str, roots: TlsRoots, limit: Deadline) -> Connection:
    """TLS with this host, its certificate verified.

    Raises
    ------
    OSError
        When the handshake fails.
    """
    return connection.with_tls(_context(roots), host, limit)


_contexts: dict[tuple[str | None, str | None], Any] = {}


def _context(roots: TlsRoots) -> Any:
    key = (roots.bundle, roots.folder)
    if key not in _contexts:
        context: Any = _ssl._SSLContext(_TLS_CLIENT)
        context._set_alpn_protocols(_HTTP_1_1)
        if roots.bundle or roots.folder:
            context.load_verify_locations(roots.bundle, roots.folder, None)
        else:
            context.set_default_verify_paths()
        _contexts[key] = context
    return _contexts[key]
