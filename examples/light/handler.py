"""The support agent's request without the SDK: a light function to start many environments of.

Bundled together with ``support.py`` and ``prompt/`` of the agent, so that both send the same bytes.
"""

from __future__ import annotations

import json
import os
import time
import urllib.request
from functools import cache
from typing import Any

from support import request

_VERSION = "2026-10-21"


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one message, without running tools.

    Parameters
    ----------
    event
        ``{"message": str}``.

    Returns
    -------
    dict
        ``reply``, ``ttft_ms``, ``usage`` and ``message_id``.
    """
    body = request([{"role": "user", "content": event["message"]}])
    call = _http_request(body)
    started = time.perf_counter()
    answer: dict[str, Any] = {"reply": "", "ttft_ms": None, "usage": {}, "message_id": ""}
    with urllib.request.urlopen(call, timeout=60) as response:  # noqa: S310
        for line in response:
            if line.startswith(b"data:"):
                _collect(answer, json.loads(line[5:]), started)
    return answer


def _http_request(body: dict[str, Any]) -> urllib.request.Request:
    base = os.environ.get("ANTHROPIC_BASE_URL", "https://api.anthropic.com").rstrip("/")
    return urllib.request.Request(  # noqa: S310
        f"{base}/v1/messages",
        data=_encode({**body, "stream": True}),
        headers={
            "anthropic-version": _VERSION,
            "authorization": f"Bearer {_api_key()}",
            "content-type": "application/json",
        },
    )


def _encode(body: dict[str, Any]) -> bytes:
    """Encode as the SDK does: compact, and not escaped to ASCII."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


@cache
def _api_key() -> str:
    return os.environ.get("ANTHROPIC_API_KEY") or _key_from_secret()


def _key_from_secret() -> str:
    import boto3  # only where the key is not in the environment: its import costs 0.2 s

    secret = boto3.client("secretsmanager").get_secret_value(
        SecretId=os.environ["AGENT_API_KEY_SECRET"]
    )
    return str(secret["SecretString"])


def _collect(answer: dict[str, Any], event: dict[str, Any], started: float) -> None:
    """Add one server-sent event of the stream to the answer."""
    kind = event["type"]
    if kind == "message_start":
        answer["usage"] = dict(event["message"]["usage"])
        answer["message_id"] = event["message"]["id"]
    elif kind == "content_block_delta":
        if answer["ttft_ms"] is None:
            answer["ttft_ms"] = (time.perf_counter() - started) * 1000
        answer["reply"] += event["delta"].get("text", "")
    elif kind == "message_delta":
        answer["usage"].update(event["usage"])
