"""A tiny streaming Messages API that remembers what it was sent."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

USAGE = {"input_tokens": 5, "cache_read_input_tokens": 9, "cache_creation_input_tokens": 0}


class Provider:
    """Answers each request with the next of `blocks`, the last one again and again."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.blocks: list[dict[str, Any]] = [{"type": "text", "text": "Hello"}]

    def answer(self, body: bytes) -> list[dict[str, Any]]:
        """The events of one streamed reply."""
        self.bodies.append(body)
        block = self.blocks[min(len(self.bodies), len(self.blocks)) - 1]
        tool = block["type"] == "tool_use"
        start = {**block, "input": {}} if tool else {**block, "text": ""}
        delta = (
            {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
            if tool
            else {"type": "text_delta", "text": block["text"]}
        )
        message = {"id": f"msg_{len(self.bodies)}", "type": "message", "role": "assistant"}
        message |= {"model": "m", "content": [], "stop_reason": None, "stop_sequence": None}
        message |= {"usage": {**USAGE, "output_tokens": 1}}
        stop = {"stop_reason": "tool_use" if tool else "end_turn", "stop_sequence": None}
        return [
            {"type": "message_start", "message": message},
            {"type": "content_block_start", "index": 0, "content_block": start},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": stop, "usage": {"output_tokens": 2}},
            {"type": "message_stop"},
        ]


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Provider]:
    """A provider on loopback that the handlers are pointed at."""
    fake = Provider()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.end_headers()
            for event in fake.answer(body):
                line = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n"
                self.wfile.write(line.encode())

        def log_message(self, *args: object) -> None:
            """Nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    monkeypatch.setenv("ANTHROPIC_BASE_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "not-a-key")
    yield fake
    server.shutdown()
    server.server_close()
    thread.join()
