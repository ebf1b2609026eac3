"""HTTP/1.1 over the standard library's sockets, with an absolute deadline for each exchange.

`http.client` costs the init phase another 60 million instructions (it loads the e-mail
parser), and its time-out starts anew with each byte that drips in.
"""

from __future__ import annotations

import os
import socket
import ssl
from time import monotonic

from prefixwarm.core.errors import ConnectError, DeadlineError, ProtocolError, TransportError
from prefixwarm.core.record import Record
from prefixwarm.core.url import Url, proxy_for, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Protocol

    from prefixwarm.core.deadline import Deadline

    class Transport(Protocol):
        """Sends one request and returns its response: bytes in, bytes out."""

        def send(self, request: Request, deadline: Deadline) -> Response:
            """Send `request`; raise TransportError when no complete reply came in time."""


__all__ = ["HttpTransport", "Request", "Response", "Transport"]

CONNECT_SECONDS = 5.0
MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_HEAD_BYTES = 64 * 1024


class Request(Record):
    """An HTTP request; header names as they are to be sent."""

    method: str
    url: str
    headers: dict[str, str] = {}  # noqa: RUF012
    body: bytes = b""


class Response(Record):
    """An HTTP response; header names in lower case.

    `first_byte_after` is the time from sending to the first byte of the reply, in seconds.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    first_byte_after: float


class HttpTransport:
    """Keeps one idle connection per server; proxies and CA roots come from the environment.

    Parameters
    ----------
    environ
        Read for ``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY``, ``AWS_CA_BUNDLE``,
        ``SSL_CERT_FILE``, ``SSL_CERT_DIR``.
    ca_folder
        Hashed directory of CA roots to use where the environment names none; reading one root
        on demand is far cheaper than loading a bundle.
    """

    def __init__(
        self, environ: Mapping[str, str] | None = None, ca_folder: str | None = None
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._ca_folder = ca_folder
        self._context: ssl.SSLContext | None = None
        self._idle: dict[Url, socket.socket] = {}

    def send(self, request: Request, deadline: Deadline) -> Response:
        """Send a request and read its whole reply.

        Raises
        ------
        ConnectError
            Nothing was sent.
        DeadlineError
            The reply was not complete in time.
        ProtocolError
            The reply is malformed, cut short or over 8 MiB.
        """
        url = split(request.url)
        idle = self._idle.pop(url.server, None)
        if idle is not None:
            try:
                return self._exchange(idle, request, url, deadline)
            except _StaleConnectionError:
                pass
        fresh = self._connect(url, deadline)
        try:
            return self._exchange(fresh, request, url, deadline)
        except _StaleConnectionError as error:
            raise ProtocolError(f"{url.host}: connection closed before the reply") from error

    def close(self) -> None:
        """Close idle connections."""
        while self._idle:
            self._idle.popitem()[1].close()

    def _exchange(
        self, connection: socket.socket, request: Request, url: Url, deadline: Deadline
    ) -> Response:
        keep = False
        try:
            started = monotonic()
            reader = _Reader(connection, deadline)
            _ask(connection, _head(request, url, self._absolute_form(url)) + request.body, reader)
            response, keep = _read(reader, monotonic() - started)
            return response
        except TimeoutError as error:
            raise DeadlineError(f"{url.host}: no complete reply in time") from error
        except OSError as error:
            raise ProtocolError(f"{url.host}: {_words(error)}") from error
        finally:
            spare = self._idle.pop(url.server, None) if keep else connection
            if keep:
                self._idle[url.server] = connection
            if spare is not None:
                spare.close()

    def _absolute_form(self, url: Url) -> bool:
        return url.scheme == "http" and proxy_for(url, self._environ) is not None

    def _connect(self, url: Url, deadline: Deadline) -> socket.socket:
        proxy = proxy_for(url, self._environ)
        target = proxy or url
        limit = deadline.earliest(CONNECT_SECONDS)
        try:
            connection = _dial(target, limit)
            if proxy and url.scheme == "https":
                _tunnel(connection, url, limit)
            if url.scheme == "https":
                connection.settimeout(limit.require(f"TLS with {url.host}"))
                connection = self._tls().wrap_socket(connection, server_hostname=url.host)
            return connection
        except TimeoutError as error:
            raise ConnectError(f"{target.host}:{target.port}: no connection in time") from error
        except OSError as error:
            raise ConnectError(f"{target.host}:{target.port}: {_words(error)}") from error

    def _tls(self) -> ssl.SSLContext:
        if self._context is None:
            self._context = _tls_context(self._environ, self._ca_folder)
        return self._context


class _StaleConnectionError(TransportError):
    """The server closed a kept connection before the first byte of its reply."""


def _tls_context(environ: Mapping[str, str], ca_folder: str | None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.set_alpn_protocols(["http/1.1"])
    bundle = environ.get("AWS_CA_BUNDLE") or environ.get("SSL_CERT_FILE")
    folder = environ.get("SSL_CERT_DIR") or ca_folder
    if bundle or folder:
        context.load_verify_locations(cafile=bundle or None, capath=folder or None)
    else:
        context.load_default_certs()
    return context


def _dial(target: Url, limit: Deadline) -> socket.socket:
    address = (target.host, target.port)
    connection = socket.create_connection(address, limit.require(f"connecting to {target.host}"))
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return connection


def _tunnel(connection: socket.socket, url: Url, limit: Deadline) -> None:
    where = f"{url.host}:{url.port}"
    connection.settimeout(limit.require("asking the proxy"))
    connection.sendall(f"CONNECT {where} HTTP/1.1\r\nHost: {where}\r\n\r\n".encode("latin-1"))
    status, _, _ = _read_head(_Reader(connection, limit))
    if status != 200:
        connection.close()
        raise OSError(f"the proxy refused the tunnel with status {status}")


def _head(request: Request, url: Url, absolute: bool) -> bytes:
    target = request.url if absolute else url.path
    lines = [f"{request.method} {target} HTTP/1.1", f"Host: {url.authority}"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines += [f"Content-Length: {len(request.body)}", "", ""]
    if any("\r" in line or "\n" in line for line in lines):
        raise ProtocolError(f"{url.host}: a header holds a line break")
    return "\r\n".join(lines).encode("latin-1")


class _Reader:
    """Buffered reads from a socket, each bounded by what is left of the deadline."""

    def __init__(self, connection: socket.socket, deadline: Deadline) -> None:
        self._connection = connection
        self.deadline = deadline
        self._buffer = bytearray()

    def fill(self) -> bool:
        self._connection.settimeout(self.deadline.require("reading the reply"))
        chunk = self._connection.recv(65536)
        self._buffer += chunk
        return bool(chunk)

    def line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0:
            if len(self._buffer) > MAX_HEAD_BYTES or not self.fill():
                raise ProtocolError("the reply's head is cut short or too long")
        taken = bytes(self._buffer[:end]).rstrip(b"\r")
        del self._buffer[: end + 1]
        return taken

    def exactly(self, size: int) -> bytes:
        if size > MAX_BODY_BYTES:
            raise ProtocolError(f"the reply has {size} bytes; at most {MAX_BODY_BYTES} are read")
        while len(self._buffer) < size:
            if not self.fill():
                raise ProtocolError("the reply is cut short")
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def rest(self) -> bytes:
        while self.fill():
            if len(self._buffer) > MAX_BODY_BYTES:
                raise ProtocolError(f"the reply has more than {MAX_BODY_BYTES} bytes")
        return bytes(self._buffer)


def _ask(connection: socket.socket, message: bytes, reader: _Reader) -> None:
    """Send, and wait for the first byte: until it comes, a kept connection may prove dead."""
    try:
        connection.settimeout(reader.deadline.require("sending the request"))
        connection.sendall(message)
        if reader.fill():
            return
    except TimeoutError:
        raise
    except OSError as error:
        raise _StaleConnectionError(_words(error)) from error
    raise _StaleConnectionError("closed before the reply")


def _read(reader: _Reader, first_byte_after: float) -> tuple[Response, bool]:
    status, headers, keep = _read_head(reader)
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = _read_chunks(reader)
    elif "content-length" in headers:
        body = reader.exactly(_number(headers["content-length"], 10))
    elif status in (204, 304):
        body = b""
    else:
        body, keep = reader.rest(), False
    response = Response(
        status=status, headers=headers, body=body, first_byte_after=first_byte_after
    )
    return response, keep


def _read_head(reader: _Reader) -> tuple[int, dict[str, str], bool]:
    status = 100
    while status < 200 and status != 101:
        reader.deadline.require("reading the reply")
        version, status = _status_line(reader.line())
        headers: dict[str, str] = {}
        while line := reader.line():
            name, _, value = line.decode("latin-1").partition(":")
            headers[name.strip().lower()] = value.strip()
            if len(headers) > 200:
                raise ProtocolError("the reply has more than 200 headers")
    keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return status, headers, keep


def _status_line(line: bytes) -> tuple[str, int]:
    parts = line.decode("latin-1").split(" ", 2)
    if len(parts) < 2 or not parts[0].startswith("HTTP/1.") or not parts[1].isdigit():
        raise ProtocolError("the reply is not HTTP/1")
    return parts[0], int(parts[1])


def _read_chunks(reader: _Reader) -> bytes:
    body = bytearray()
    while size := _number(reader.line().split(b";")[0].decode("latin-1"), 16):
        if len(body) + size > MAX_BODY_BYTES:
            raise ProtocolError(f"the reply has more than {MAX_BODY_BYTES} bytes")
        body += reader.exactly(size)
        reader.line()
    while reader.line():
        pass
    return bytes(body)


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError:
        number = -1
    if number < 0:
        raise ProtocolError("the reply names a size that is not a number")
    return number


def _words(error: OSError) -> str:
    return error.strerror or str(error) or type(error).__name__
