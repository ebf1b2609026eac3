"""A server on loopback that answers as the APIs of OpenAI and Gemini do, whole and streamed."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHAT = {
    "prompt_tokens": 2000,
    "completion_tokens": 3,
    "total_tokens": 2003,
    "prompt_tokens_details": {"cached_tokens": 1536, "cache_write_tokens": 0},
}
RESPONSES = {
    "input_tokens": 2000,
    "input_tokens_details": {"cached_tokens": 1536, "cache_write_tokens": 256},
    "output_tokens": 3,
    "output_tokens_details": {"reasoning_tokens": 0},
    "total_tokens": 2003,
}
GEMINI = {
    "promptTokenCount": 2000,
    "cachedContentTokenCount": 1500,
    "candidatesTokenCount": 3,
    "totalTokenCount": 2003,
}


def chat(body: dict[str, Any]) -> tuple[Any, list[Any]]:
    common = {"id": "c", "created": 1, "model": body["model"]}
    message = {"index": 0, "finish_reason": "stop"}
    choice = {"message": {"role": "assistant", "content": "Hi"}, **message}
    whole = {**common, "object": "chat.completion", "choices": [choice], "usage": CHAT}
    part = {**common, "object": "chat.completion.chunk", "usage": None}
    events = [{**part, "choices": [{"delta": {"content": "Hi"}, **message}]}]
    if (body.get("stream_options") or {}).get("include_usage"):
        events.append({**part, "choices": [], "usage": CHAT})
    return whole, events


def responses(body: dict[str, Any]) -> tuple[Any, list[Any]]:
    text = {"type": "output_text", "text": "Hi", "annotations": []}
    item = {"type": "message", "id": "m", "role": "assistant", "status": "completed"}
    whole = {
        "id": "r",
        "object": "response",
        "created_at": 1,
        "model": body["model"],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        "status": "completed",
        "output": [{**item, "content": [text]}],
        "usage": RESPONSES,
    }
    created = {**whole, "usage": None, "status": "in_progress", "output": []}
    return whole, [
        {"type": "response.created", "sequence_number": 0, "response": created},
        {"type": "response.completed", "sequence_number": 1, "response": whole},
    ]


def gemini(_body: dict[str, Any]) -> tuple[Any, list[Any]]:
    candidates = [{"content": {"role": "model", "parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]
    whole = {"candidates": candidates, "usageMetadata": GEMINI, "modelVersion": "gemini-3.8-flash"}
    first = {"candidates": candidates, "usageMetadata": {"promptTokenCount": 2000}}
    return whole, [first, whole]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        path = self.path.partition("?")[0]
        if "/deployments/" in path:
            body["model"] = "gpt-6-sol"
        if "/embeddings" in path:
            vector = {"object": "embedding", "index": 0, "embedding": [0.5]}
            whole: Any = {"object": "list", "data": [vector], "model": "e", "usage": CHAT}
            events: list[Any] = []
        elif "generatecontent" in path.lower():
            whole, events = gemini(body)
        else:
            whole, events = (responses if path.endswith("/responses") else chat)(body)
        if body.get("stream") or "streamGenerateContent" in path:
            data = "".join(f"data: {json.dumps(event)}\n\n" for event in events).encode()
            kind = "text/event-stream"
        else:
            data, kind = json.dumps(whole).encode(), "application/json"
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_arguments: object) -> None:
        pass


class Providers:
    """The server, which runs until it is closed."""

    def __init__(self) -> None:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
