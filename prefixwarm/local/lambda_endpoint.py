"""Serves Lambda's `Invoke` on this machine: signed requests run a function in the emulator."""

from __future__ import annotations

import json
from collections import defaultdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

from prefixwarm.local.emulator import Environment
from prefixwarm.local.signature import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.local.emulated_function import Function
    from prefixwarm.local.toolchain import Tools

# Lambda's answer when the account's concurrency is used up.
_CONCURRENCY = 10
# The emulator's.
_SECRET_KEY = "local"  # noqa: S105
_BODY_BYTES = 6 * 1024 * 1024


class LambdaEndpoint:
    """Answers `Invoke` for these functions; use it as a context manager.

    As on Lambda, an invocation reuses an idle environment or starts another. Set
    `AWS_ENDPOINT_URL_LAMBDA` to `url`.

    Parameters
    ----------
    functions
        What can be invoked, by name; more may be added later.
    """

    def __init__(self, functions: Mapping[str, Function], *, tools: Tools | None = None) -> None:
        self._functions = functions
        self._tools = tools
        self._idle: dict[str, list[Environment]] = defaultdict(list)
        self._busy: dict[str, int] = defaultdict(int)
        self._changing = Lock()
        self._events: list[Thread] = []
        self.invocations: list[tuple[str, Any]] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> LambdaEndpoint:
        Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        for thread in self._events:
            thread.join()
        for environments in self._idle.values():
            for environment in environments:
                environment.close()

    def reply(
        self, path: str, headers: Mapping[str, str], body: bytes
    ) -> tuple[int, dict[str, str], object]:
        """Answer one request with status, headers and value."""
        problem = refusal("lambda", f"{self.url}{path}", headers, body, _SECRET_KEY)
        if problem:
            return _error(403, "InvalidSignatureException", problem)
        version, _, rest = urlsplit(path).path.lstrip("/").partition("/functions/")
        name, _, action = rest.partition("/")
        name = unquote(name).rpartition(":function:")[2].partition(":")[0]
        if version != "2015-03-31" or action != "invocations" or name not in self._functions:
            return _error(404, "ResourceNotFoundException", f"Function not found: {name}")
        try:
            event = json.loads(body or b"null")
        except ValueError:
            return _error(400, "InvalidRequestContentException", "Could not parse request body")
        kinds = (text for key, text in headers.items() if key.lower() == "x-amz-invocation-type")
        return self._invoked(name, event, next(kinds, "RequestResponse"))

    def _invoked(self, name: str, event: object, kind: str) -> tuple[int, dict[str, str], object]:
        if kind == "DryRun":
            return 204, {}, None
        with self._changing:
            if self._busy[name] >= _CONCURRENCY:
                return _error(429, "TooManyRequestsException", "Rate Exceeded.")
            self._busy[name] += 1
            self.invocations.append((name, event))
            environment = self._idle[name].pop() if self._idle[name] else None
        if kind == "Event":
            thread = Thread(target=self._run, args=(name, event, environment))
            self._events.append(thread)
            thread.start()
            return 202, {}, None
        value = self._run(name, event, environment)
        failed = isinstance(value, dict) and "errorType" in value
        return 200, {"X-Amz-Function-Error": "Unhandled"} if failed else {}, value

    def _run(self, name: str, event: object, environment: Environment | None) -> Any:
        environment = environment or Environment(self._functions[name], tools=self._tools).start()
        try:
            return environment.invoke(event).payload
        finally:
            with self._changing:
                self._busy[name] -= 1
                self._idle[name].append(environment)


def _error(status: int, kind: str, message: str) -> tuple[int, dict[str, str], object]:
    return status, {"x-amzn-ErrorType": kind}, {"Type": "User", "Message": message}


def _handler(endpoint: LambdaEndpoint) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            size = int(self.headers.get("Content-Length", "0"))
            body = self.rfile.read(min(size, _BODY_BYTES))
            status, headers, value = endpoint.reply(self.path, dict(self.headers), body)
            data = b"" if value is None and status != 200 else json.dumps(value).encode()
            self.send_response(status)
            for name, text in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, text)
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
