"""TCP and TLS on the interpreter's own `_socket` and `_ssl`.

Importing `socket` and `ssl`, which wrap these in enums and classes, would cost the init phase
60 million instructions. Security is the same: for a client context `_ssl` itself verifies the
chain and the host name. Tested with every supported interpreter.
"""

from __future__ import annotations

import _socket
import _ssl
from _thread import allocate_lock, start_new_thread

from prefixwarm.errors import DeadlineError
from prefixwarm.wire.record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prefixwarm.wire.deadline import Deadline


_TLS_CLIENT = 16  # ssl.PROTOCOL_TLS_CLIENT
_HTTP_1_1 = b"\x08http/1.1"
_UNKNOWN_ROOT = (
    19,
    20,
)  # X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, ..._UNABLE_TO_GET_ISSUER_CERT_LOCALLY


class UnknownRootError(OSError):
    """The peer's certificate chains to a root that is not in the roots in use."""


class _Socket(_socket.socket):
    """A socket that `_ssl` can reference weakly."""

    __slots__ = ("__weakref__",)


class Connection:
    """A connected socket, with or without TLS; `limit` bounds every wait."""

    def __init__(self, raw: _socket.socket, tls: Any = None) -> None:
        self._raw = raw
        self._tls = tls

    def send_all(self, data: bytes, limit: Deadline) -> None:
        """Send everything.

        Raises
        ------
        OSError
            The peer is gone; TimeoutError if the time is over.
        """
        view = memoryview(data)
        while view:
            self._raw.settimeout(limit.require("sending"))
            sent = self._tls.write(view) if self._tls else self._raw.send(view)
            view = view[sent:]

    def receive(self, limit: Deadline) -> bytes:
        """Receive some bytes; none if the peer has closed."""
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

    def with_tls(self, roots: TlsRoots, host: str, limit: Deadline) -> Connection:
        """Start TLS on this connection and verify the peer's certificate.

        Raises
        ------
        UnknownRootError
            Its root is not in `roots`.
        OSError
            The handshake fails for another reason.
        """
        self._raw.settimeout(limit.require(f"TLS with {host}"))
        tls = roots.context()._wrap_socket(self._raw, False, host)
        try:
            tls.do_handshake()
        except _ssl.SSLCertVerificationError as error:
            if error.verify_code in _UNKNOWN_ROOT:
                raise UnknownRootError(error.errno, str(error)) from error
            raise
        return Connection(self._raw, tls)


class TlsRoots(Record):
    """The source of CA roots: a bundle, a hashed folder, or else the system's own."""

    bundle: str | None = None
    folder: str | None = None

    def context(self) -> Any:
        """A client context with these roots, created once."""
        key = (self.bundle, self.folder)
        if key not in _contexts:
            _contexts[key] = _context(self.bundle, self.folder)
        return _contexts[key]


def connect(host: str, port: int, limit: Deadline) -> Connection:
    """Connect to the host's first address that answers, giving each a share of the time.

    Raises
    ------
    OSError
        No address answers, or the name is unknown; TimeoutError if the time is over.
    """
    addresses = _addresses(host, port, limit)
    for left, (family, kind, protocol, _, address) in zip(range(len(addresses), 0, -1), addresses):  # noqa: B905
        raw = _Socket(family, kind, protocol)
        try:
            raw.settimeout(limit.require(f"connecting to {host}") / left)
            raw.connect(address)
            raw.setsockopt(_socket.IPPROTO_TCP, _socket.TCP_NODELAY, 1)
            return Connection(raw)
        except (OSError, DeadlineError):
            raw.close()
            if left == 1:
                raise
    raise OSError(f"{host} has no address")


def _addresses(host: str, port: int, limit: Deadline) -> list[Any]:
    """Resolve the host in a thread, because the system's resolver has no deadline.

    A thread that hangs is abandoned.
    """
    name = host.encode("ascii" if host.isascii() else "idna")
    answers: list[Any] = []
    done = allocate_lock()
    done.acquire()

    def resolve() -> None:
        try:
            answers.append(_socket.getaddrinfo(name, port, 0, _socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001 - raised by the waiting thread
            answers.append(error)
        done.release()

    start_new_thread(resolve, ())
    if not done.acquire(timeout=limit.require(f"looking up {host}")):
        raise OSError("the name was not resolved in time")
    if isinstance(answers[0], Exception):
        raise answers[0]
    addresses: list[Any] = answers[0]
    return addresses


_contexts: dict[tuple[str | None, str | None], Any] = {}


def _context(bundle: str | None, folder: str | None) -> Any:
    context: Any = _ssl._SSLContext(_TLS_CLIENT)
    context._set_alpn_protocols(_HTTP_1_1)
    if bundle or folder:
        context.load_verify_locations(bundle, folder, None)
    else:
        context.set_default_verify_paths()
    return context
