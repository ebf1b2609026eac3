"""An HTTP/1.1 client with an absolute deadline for each exchange.

`http.client` would cost the init phase another 60 million instructions (it loads the e-mail
parser), and its timeout restarts with every byte received.
"""

from __future__ import annotations

import os
from time import monotonic

from prefixwarm.errors import ConnectError, DeadlineError, ProtocolError, TransportError
from prefixwarm.safe_text import masked
from prefixwarm.wire.accelerated import loads
from prefixwarm.wire.record import Record
from prefixwarm.wire.request_body import chunks
from prefixwarm.wire.sockets import Connection, TlsRoots, UnknownRootError, connect
from prefixwarm.wire.url import Url, basic_authorization, proxy_for, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any, Protocol

    from prefixwarm.wire.deadline import Deadline
    from prefixwarm.wire.request_body import FileBody

    class Progress(Protocol):
        """Follows the sending of one request."""

        def __call__(self, *, sent: bool) -> None:
            """Called before the first byte is sent and after the last; raise before to stop it."""

    class Transport(Protocol):
        """Sends one request and returns its response."""

        def send(self, request: Request, deadline: Deadline) -> Response:
            """Send `request`; raise TransportError if no complete reply arrives in time."""


CONNECT_SECONDS = 5.0
MAX_BODY_BYTES = 8 * 1024 * 1024
MAX_LINE_BYTES = 64 * 1024
MAX_HEADERS = 200
# Per server: more than any caller has threads.
MAX_IDLE = 64


class Request(Record):
    """An HTTP request; header names are sent as written.

    `progress` follows the sending, if the transport supports that.
    """

    method: str
    url: str
    headers: dict[str, str] = {}  # noqa: RUF012
    body: bytes | FileBody = b""
    progress: Progress | None = None


class Response(Record):
    """An HTTP response; header names in lower case.

    `first_byte_after` is the seconds from sending to the first byte of the reply.
    """

    status: int
    headers: dict[str, str]
    body: bytes
    first_byte_after: float

    def json_object(self, sender: str) -> dict[str, Any]:
        """Return the body as a JSON object; `sender` names the replier in messages.

        Raises
        ------
        ProtocolError
            The body is not a JSON object.
        """
        try:
            body = loads(self.body)
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise ProtocolError(f"{sender}: HTTP {self.status} without a JSON object")
        return body


class HttpTransport:
    """Sends requests and keeps connections open for reuse, one thread per connection.

    Proxies and CA roots come from the environment.

    Parameters
    ----------
    environ
        Read for ``HTTPS_PROXY``, ``HTTP_PROXY``, ``NO_PROXY``, ``AWS_CA_BUNDLE``,
        ``SSL_CERT_FILE``, ``SSL_CERT_DIR``.
    ca_folder
        Hashed directory of CA roots, tried before the system's own unless the environment names
        roots; reading one root on demand is far cheaper than loading a bundle.
    """

    def __init__(
        self, environ: Mapping[str, str] | None = None, ca_folder: str | None = None
    ) -> None:
        self._environ = os.environ if environ is None else environ
        self._roots, self._other_roots = _roots(self._environ, ca_folder)
        self._idle: dict[str, list[Connection]] = {}

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
        idle = self._idle_connection(url.server)
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
            for connection in self._idle.popitem()[1]:
                connection.close()

    def _exchange(
        self, connection: Connection, request: Request, url: Url, deadline: Deadline
    ) -> Response:
        keep = False
        try:
            started = monotonic()
            reader = _Reader(connection, deadline)
            _ask(connection, _head(request, url, self._plain_proxy(url)), request, reader)
            response, keep = _read(reader, monotonic() - started)
            return response
        except TimeoutError as error:
            raise DeadlineError(f"{url.host}: no complete reply in time") from error
        except OSError as error:
            raise ProtocolError(f"{url.host}: {_words(error)}") from error
        finally:
            if not (keep and self._kept(url.server, connection)):
                connection.close()

    def _idle_connection(self, server: str) -> Connection | None:
        try:
            return self._idle[server].pop()
        except LookupError:
            return None

    def _kept(self, server: str, connection: Connection) -> bool:
        idle = self._idle.setdefault(server, [])
        if len(idle) >= MAX_IDLE:
            return False
        idle.append(connection)
        return True

    def _plain_proxy(self, url: Url) -> Url | None:
        return proxy_for(url, self._environ) if url.scheme == "http" else None

    def _connect(self, url: Url, deadline: Deadline) -> Connection:
        proxy = proxy_for(url, self._environ)
        target = proxy or url
        limit = deadline.earliest(CONNECT_SECONDS)
        try:
            try:
                return _secured(url, proxy, self._roots, limit)
            except UnknownRootError:
                if self._other_roots is None:
                    raise
                return _secured(url, proxy, self._other_roots, limit)
        except (TimeoutError, DeadlineError) as error:
            raise ConnectError(f"{masked(target.address)}: no connection in time") from error
        except (OSError, ValueError, ProtocolError) as error:
            raise ConnectError(f"{masked(target.address)}: {_words(error)}") from error


class _StaleConnectionError(TransportError):
    """The server closed a kept connection before the first byte of its reply."""


def _roots(environ: Mapping[str, str], ca_folder: str | None) -> tuple[TlsRoots, TlsRoots | None]:
    """The roots to trust, and those to try next; roots named by the environment are used alone."""
    bundle = environ.get("AWS_CA_BUNDLE") or environ.get("SSL_CERT_FILE")
    folder = environ.get("SSL_CERT_DIR")
    if bundle or folder:
        return TlsRoots(bundle=bundle or None, folder=folder or None), None
    return (TlsRoots(folder=ca_folder), TlsRoots()) if ca_folder else (TlsRoots(), None)


def _secured(url: Url, proxy: Url | None, roots: TlsRoots, limit: Deadline) -> Connection:
    target = proxy or url
    connection = connect(target.host, target.port, limit)
    try:
        if url.scheme == "http":
            return connection
        if proxy:
            _tunnel(connection, url, proxy, limit)
        return connection.with_tls(roots, url.host, limit)
    except BaseException:
        connection.close()
        raise


def _tunnel(connection: Connection, url: Url, proxy: Url, limit: Deadline) -> None:
    lines = [f"CONNECT {url.address} HTTP/1.1", f"Host: {url.address}", *_proxy_lines(proxy)]
    connection.send_all(_encoded(lines, url), limit)
    status, _, _ = _read_head(_Reader(connection, limit))
    if status != 200:
        raise OSError(f"the proxy refused the tunnel with status {status}")


def _proxy_lines(proxy: Url | None) -> list[str]:
    authorization = basic_authorization(proxy) if proxy else None
    return [f"Proxy-Authorization: {authorization}"] if authorization else []


def _head(request: Request, url: Url, proxy: Url | None) -> bytes:
    target = f"{url.scheme}://{url.authority}{url.path}" if proxy else url.path
    if not (target.isascii() and target.isprintable()) or " " in target:
        raise ProtocolError(f"{url.host}: the URL holds characters that must be percent-encoded")
    lines = [f"{request.method} {target} HTTP/1.1", f"Host: {url.authority}", *_proxy_lines(proxy)]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    return _encoded([*lines, f"Content-Length: {len(request.body)}"], url)


def _encoded(lines: list[str], url: Url) -> bytes:
    if any(c in line for line in lines for c in "\r\n\0"):
        raise ProtocolError(f"{url.host}: a header holds a line break")
    try:
        return "\r\n".join([*lines, "", ""]).encode("latin-1")
    except UnicodeEncodeError as error:
        raise ProtocolError(f"{url.host}: a header holds more than Latin-1 text") from error


class _Reader:
    """Buffered reads from a socket, each bounded by the time left."""

    def __init__(self, connection: Connection, deadline: Deadline) -> None:
        self._connection = connection
        self.deadline = deadline
        self._buffer = bytearray()

    def fill(self) -> bool:
        chunk = self._connection.receive(self.deadline)
        self._buffer += chunk
        return bool(chunk)

    def line(self) -> bytes:
        while (end := self._buffer.find(b"\n")) < 0 and len(self._buffer) <= MAX_LINE_BYTES:
            if not self.fill():
                raise ProtocolError("the reply's head is cut short")
        if not 0 <= end <= MAX_LINE_BYTES:
            raise ProtocolError(f"the reply has a line of more than {MAX_LINE_BYTES} bytes")
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

    @property
    def surplus(self) -> bool:
        return bool(self._buffer)

    def rest(self) -> bytes:
        while self.fill():
            if len(self._buffer) > MAX_BODY_BYTES:
                raise ProtocolError(f"the reply has more than {MAX_BODY_BYTES} bytes")
        return bytes(self._buffer)


def _ask(connection: Connection, head: bytes, request: Request, reader: _Reader) -> None:
    """Send, and wait for the first byte; until then a reused connection may prove dead."""
    try:
        for chunk in chunks(request.body):
            if request.progress:
                request.progress(sent=False)
            connection.send_all(head + chunk, reader.deadline)
            head = b""
        if request.progress:
            request.progress(sent=True)
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
    return response, keep and not reader.surplus


def _read_head(reader: _Reader) -> tuple[int, dict[str, str], bool]:
    status = 100
    while status < 200 and status != 101:
        reader.deadline.require("reading the reply")
        version, status = _status_line(reader.line())
        headers = _read_headers(reader)
    keep = version == "HTTP/1.1" and headers.get("connection", "").lower() != "close"
    return status, headers, keep


def _read_headers(reader: _Reader) -> dict[str, str]:
    headers: dict[str, str] = {}
    for _ in range(MAX_HEADERS + 1):
        line = reader.line()
        if not line:
            return headers
        name, _, value = line.decode("latin-1").partition(":")
        headers[name.strip().lower()] = value.strip()
    raise ProtocolError(f"the reply has more than {MAX_HEADERS} headers")


def _status_line(line: bytes) -> tuple[str, int]:
    parts = line.decode("latin-1").split(" ", 2)
    status = parts[1] if len(parts) > 1 else ""
    digits = len(status) == 3 and status.isascii() and status.isdigit()
    if not parts[0].startswith("HTTP/1.") or not digits:
        raise ProtocolError("the reply is not HTTP/1")
    return parts[0], int(status)


def _read_chunks(reader: _Reader) -> bytes:
    body = bytearray()
    while size := _number(reader.line().split(b";")[0].decode("latin-1"), 16):
        if len(body) + size > MAX_BODY_BYTES:
            raise ProtocolError(f"the reply has more than {MAX_BODY_BYTES} bytes")
        body += reader.exactly(size)
        reader.line()
    _read_headers(reader)
    return bytes(body)


def _number(text: str, base: int) -> int:
    try:
        number = int(text.strip(), base)
    except ValueError:
        number = -1
    if number < 0:
        raise ProtocolError("the reply names a size that is not a number")
    return number


def _words(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
