"""A TLS server on loopback: DynamoDB that takes 8 ms, and a Messages API that takes its time.

Started as ``server.py FOLDER [SECONDS [URL]]``: writes its authority to FOLDER/ca.pem, prints its
port, and serves until its standard input ends. The path chooses the world: ``/warm/...`` knows a
warm prefix, ``/cold/...`` knows nothing. A write takes so many seconds, and invocations of Lambda
functions go on to that address.
"""

from __future__ import annotations

import json
import ssl
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import trustme

STATE_SECONDS = 0.008
PROVIDER_SECONDS = float(sys.argv[2]) if len(sys.argv) > 2 else 0.8
READ_SECONDS = 0.2
FUNCTIONS = sys.argv[3] if len(sys.argv) > 3 else ""
WARM = {"warm_until": {"N": "9999999999"}, "functions": {"SS": ["function"]}}


class Handler(BaseHTTPRequestHandler):
    """Answers both services; the second warm call of one world is a read."""

    protocol_version = "HTTP/1.1"
    # As the services do: otherwise the reply waits for the session tickets' acknowledgement.
    disable_nagle_algorithm = True
    written: set[str] = set()  # noqa: RUF012

    def do_POST(self) -> None:
        """Answer after the service's own time."""
        body = self.rfile.read(int(self.headers["content-length"]))
        if "/functions/" in self.path:
            self._answer(self._invoked(body))
            return
        operation = self.headers.get("x-amz-target", "").rpartition(".")[2]
        if operation:
            time.sleep(STATE_SECONDS)
            self._answer(self._state(operation, body))
        else:
            self._answer(self._message())

    def _invoked(self, body: bytes) -> dict[str, object]:
        # As it was signed: for this host and this path.
        url = urllib.request.Request(FUNCTIONS + self.path, body, dict(self.headers))
        with urllib.request.urlopen(url) as reply:
            answer: dict[str, object] = json.load(reply)
            return answer

    def _state(self, operation: str, body: bytes) -> dict[str, object]:
        if operation == "BatchGetItem":
            ((table, asked),) = json.loads(body)["RequestItems"].items()
            keys = asked["Keys"] if self.path.startswith("/warm") else []
            return {"Responses": {table: [{**key, **WARM} for key in keys]}}
        if operation != "GetItem":
            return {"Attributes": {"lease_token": {"N": "1"}}}
        if not self.path.startswith("/warm"):
            return {}
        return {"Item": WARM}

    def _message(self) -> dict[str, object]:
        world = self.path.split("/")[1]
        written = world in self.written
        time.sleep(READ_SECONDS if written else PROVIDER_SECONDS)
        self.written.add(world)
        return {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [],
            "stop_reason": "max_tokens",
            "stop_sequence": None,
            "usage": {
                "input_tokens": 2,
                "output_tokens": 0,
                "cache_creation_input_tokens": 0 if written else 7000,
                "cache_read_input_tokens": 7000 if written else 0,
                "cache_creation": {
                    "ephemeral_1h_input_tokens": 0 if written else 7000,
                    "ephemeral_5m_input_tokens": 0,
                },
            },
        }

    def _answer(self, document: dict[str, object]) -> None:
        data = json.dumps(document).encode()
        head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}"
        self.wfile.write(head.encode() + b"\r\n\r\n" + data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def main(folder: Path) -> None:
    """Serve until standard input ends."""
    authority = trustme.CA(key_type=trustme.KeyType.ECDSA)
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost", "127.0.0.1").configure_cert(context)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.socket = context.wrap_socket(server.socket, True, do_handshake_on_connect=False)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(server.server_port, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
