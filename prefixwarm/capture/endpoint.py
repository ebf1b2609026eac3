"""The recording endpoint: on loopback, one port per route, replies passed through unbuffered.

It answers only requests with its token, which is in the path of the agent's base URL, so no other
process on this machine can have calls forwarded, signed or billed.
"""

from __future__ import annotations

import json
import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import TYPE_CHECKING, Any

from prefixwarm.capture.captured_request import OtherRequest, read_request
from prefixwarm.capture.refusal_text import refusal_text
from prefixwarm.errors import PrefixwarmError
from prefixwarm.safe_text import printable

if TYPE_CHECKING:
    from collections.abc import Iterator
    from http.client import HTTPResponse

    from prefixwarm.capture.captured_request import CapturedRequest
    from prefixwarm.capture.upstream import Upstream


_PIECE = 64 * 1024
_REFUSED = 400
_BODILESS = (204, 304)
_LINE = 65536
_REFUSAL = (
    "prefixwarm capture answers only its own agent: send to the whole base URL that it sets, "
    "including the path"
)
_HOP_BY_HOP = frozenset(
    {"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "te", "trailer"}
    | {"transfer-encoding", "upgrade", "host", "content-length", "expect", "date", "server"}
)


@dataclass
class Tape:
    """The requests so far, in order of arrival.

    Attributes
    ----------
    requests : list of CapturedRequest
        The requests for messages.
    others : list of OtherRequest
        The other requests, such as those to another API.
    """

    requests: list[CapturedRequest] = field(default_factory=list)
    others: list[OtherRequest] = field(default_factory=list)

    def add(self, request: CapturedRequest | OtherRequest) -> None:
        """Add a request; safe from any thread."""
        if isinstance(request, OtherRequest):
            self.others.append(request)
        else:
            self.requests.append(request)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, upstream: Upstream, tape: Tape) -> None:
        self.upstream = upstream
        self.tape = tape
        self._token = secrets.token_urlsafe(24)
        super().__init__(("127.0.0.1", 0), _Handler)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{self._token}"

    def target(self, path: str) -> str | None:
        """The target of a request after the token; None without the token."""
        _, token, target = (*path.split("/", 2), "", "")[:3]
        is_ours = secrets.compare_digest(token.encode(), self._token.encode())
        return f"/{target}" if path.startswith("/") and is_ours else None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore an agent that hangs up."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        target = self.server.target(self.path)
        if target is None:
            self.close_connection = True
            self._answer(404, "not_found_error", _REFUSAL)
            return
        try:
            body = self._body()
        except ValueError:
            self.close_connection = True
            self._answer(400, "invalid_request_error", "the request's length cannot be read")
            return
        headers = {k: v for k, v in self.headers.items() if k.lower() not in _HOP_BY_HOP}
        route, path = self.server.upstream.route, target.partition("?")[0]
        request = read_request(route, target, headers, body) or OtherRequest(self.command, path)
        self.server.tape.add(request)
        try:
            response = self.server.upstream.send(self.command, target, headers, body)
        except (OSError, PrefixwarmError) as error:
            message = f"prefixwarm capture cannot reach the provider: {printable(str(error))}"
            self._answer(502, "api_error", message)
            return
        with response:
            request.status = response.status
            self._pass_on(response, request)

    do_GET = do_HEAD = do_DELETE = do_PUT = do_PATCH = do_POST  # noqa: N815 - http.server's names

    def _pass_on(self, response: HTTPResponse, request: CapturedRequest | OtherRequest) -> None:
        """Forward the reply; note a refusal before the agent has all of it."""
        self.send_response_only(response.status, response.reason)
        for name, value in response.headers.items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        if self.command == "HEAD" or response.status in _BODILESS:
            self.end_headers()
            return
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while piece := response.read1(_PIECE):
            if response.status >= _REFUSED and not request.refusal:
                encoding = response.headers.get("content-encoding", "")
                request.refusal = refusal_text(piece, encoding)
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        self.wfile.write(b"0\r\n\r\n")

    def _body(self) -> bytes:
        if "chunked" in (self.headers.get("Transfer-Encoding") or "").lower():
            return b"".join(iter(self._chunk, b""))
        return self.rfile.read(_size(self.headers.get("Content-Length") or "0", 10))

    def _chunk(self) -> bytes:
        """One chunk of a body of unknown length; the last is empty."""
        size = _size(self.rfile.readline(_LINE).decode("latin-1").partition(";")[0], 16)
        piece = self.rfile.read(size)
        # A chunk ends with a line break; trailers may follow the last one.
        while self.rfile.readline(_LINE).strip() and not size:
            pass
        return piece

    def _answer(self, status: int, kind: str, message: str) -> None:
        error = {"type": "error", "error": {"type": kind, "message": message}}
        body = json.dumps(error).encode()
        self.send_response_only(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's name
        """Print nothing, so that only the agent's output is visible."""


def _size(text: str, base: int) -> int:
    size = int(text, base)
    if size < 0:
        raise ValueError(text)
    return size


@contextmanager
def serving(upstream: Upstream, tape: Tape) -> Iterator[str]:
    """Serve one route during the block; yield the endpoint's URL."""
    server = _Server(upstream, tape)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
