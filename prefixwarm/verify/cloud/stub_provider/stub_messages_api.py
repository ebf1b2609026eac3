"""Answers the Messages API behind a function URL, without a model: the same short text to all.

Deployed by itself, so that it imports nothing of prefixwarm.
"""

from __future__ import annotations

import base64
import json
import time
from typing import Any

Json = dict[str, Any]

_TEXT = "This is no model."
_READ_TOKENS = 5_000


def handler(event: Json, context: object) -> Json:  # noqa: ARG001 - Lambda's signature
    """Answer one request of a function URL: 200 to the Messages API, 404 to all else."""
    if not event.get("rawPath", "").endswith("/v1/messages"):
        return _reply(404, {"type": "error", "error": {"type": "not_found_error", "message": "no"}})
    body = event.get("body") or "{}"
    if event.get("isBase64Encoded"):
        body = base64.b64decode(body).decode()
    request: Json = json.loads(body)
    message = _message(request)
    if request.get("stream"):
        return _reply(200, "".join(_events(message)), "text/event-stream")
    return _reply(200, message)


def _message(request: Json) -> Json:
    count = min(int(request.get("max_tokens", 1)), 5)
    return {
        "id": f"msg_stub_{time.time_ns()}",
        "type": "message",
        "role": "assistant",
        "model": request.get("model", ""),
        "content": [{"type": "text", "text": _TEXT}] if count else [],
        "stop_reason": "end_turn" if count else "max_tokens",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 10,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": _READ_TOKENS,
            "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
            "output_tokens": count,
        },
    }


def _events(message: Json) -> list[str]:
    delta = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    usage = {"output_tokens": message["usage"]["output_tokens"]}
    text = {"type": "text_delta", "text": _TEXT}
    started = {**message, "content": [], "stop_reason": None}
    events: list[Json] = [
        {"type": "message_start", "message": started},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "content_block_delta", "index": 0, "delta": text},
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": delta, "usage": usage},
        {"type": "message_stop"},
    ]
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]


def _reply(status: int, body: Json | str, kind: str = "application/json") -> Json:
    text = body if isinstance(body, str) else json.dumps(body)
    return {"statusCode": status, "headers": {"content-type": kind}, "body": text}
