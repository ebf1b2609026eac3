"""AWS's endpoints on loopback that take nothing which is not signed as AWS wants it."""

from __future__ import annotations

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from prefixwarm.local.signature import refusal

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.local.local_aws import LocalAws


# What shells and configuration files could stumble over.
SECRET = "a/b+c=\"d\\e'f$g`h"


class SignedAws:
    """The table of the local AWS API, and a keep-warm function that answers as it is told.

    Parameters
    ----------
    outcomes
        What the function answers for each prefix, by name: the fields beside its name.
    seconds
        How long it takes.
    secret
        The secret access key that requests must be signed with.
    """

    def __init__(
        self,
        aws: LocalAws,
        outcomes: Mapping[str, Mapping[str, Any]] | None = None,
        *,
        seconds: float = 0.0,
        secret: str = SECRET,
    ) -> None:
        self._aws = aws
        self._outcomes = outcomes
        self._seconds = seconds
        self._secret = secret
        self.requests: list[tuple[str, Any]] = []
        self.refusals: list[str] = []
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True

    @property
    def url(self) -> str:
        """Endpoint of both services."""
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> SignedAws:
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()

    def asked(self) -> list[Any]:
        """The events that the function was invoked with."""
        return [body for service, body in self.requests if service == "lambda"]

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """The reply to one request."""
        service = "lambda" if path.startswith("/2015-03-31/functions/keepwarm/") else "dynamodb"
        if problem := refusal(service, f"{self.url}{path}", headers, body, self._secret):
            self.refusals.append(problem)
            return 403, json.dumps({"__type": "InvalidSignatureException"}).encode()
        event = json.loads(body)
        self.requests.append((service, event))
        if service == "lambda":
            time.sleep(self._seconds)
            return 200, json.dumps({"outcomes": self._of(event["warm"])}).encode()
        target = next(text for name, text in headers.items() if name.lower() == "x-amz-target")
        assert target == "DynamoDB_20120810.BatchGetItem"
        reply = self._aws.client("dynamodb").batch_get_item(**event)
        del reply["ResponseMetadata"]
        return 200, json.dumps(reply).encode()

    def _of(self, names: list[str]) -> list[dict[str, Any]]:
        outcomes = self._outcomes or {}
        default = {"outcome": "written", "reason": None, "warm_until": 2e9, "cost_usd": 0.01}
        return [{"name": name, **default, **outcomes.get(name, {})} for name in names]


def _handler(aws: SignedAws) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            status, data = aws.answer(self.path, dict(self.headers), body)
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
