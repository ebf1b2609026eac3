"""The support agent of a bicycle-parts shop as a Lambda function."""

from __future__ import annotations

import json
import os
import time
from dataclasses import dataclass
from functools import cache
from typing import Any

import anthropic
import boto3
from shop import run_tool
from support import request

MAX_TURNS = 6


@dataclass(frozen=True)
class Turn:
    """One model call: the message, and the milliseconds until its first token."""

    message: anthropic.types.Message
    ttft_ms: float


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Answer one customer message.

    Parameters
    ----------
    event
        ``{"message": str}``, or ``{"messages": [...]}`` with the conversation so far.

    Returns
    -------
    dict
        ``reply``; ``ttft_ms``, ``usage`` and ``message_id`` of the first model call, the one the
        customer waits for; and ``turns``, the number of model calls.
    """
    messages = event.get("messages") or [{"role": "user", "content": event["message"]}]
    turns = [_call(messages)]
    while turns[-1].message.stop_reason == "tool_use" and len(turns) < MAX_TURNS:
        messages = messages + _answer_tools(turns[-1].message)
        turns.append(_call(messages))
    first = turns[0]
    return {
        "reply": _text(turns[-1].message),
        "ttft_ms": first.ttft_ms,
        "usage": first.message.usage.to_dict(mode="json"),
        "message_id": first.message.id,
        "turns": len(turns),
    }


@cache
def _client() -> anthropic.Anthropic:
    return anthropic.Anthropic(api_key=os.environ.get("ANTHROPIC_API_KEY") or _key_from_secret())


def _key_from_secret() -> str:
    secret = boto3.client("secretsmanager").get_secret_value(
        SecretId=os.environ["AGENT_API_KEY_SECRET"]
    )
    return str(secret["SecretString"])


def _call(messages: list[dict[str, Any]]) -> Turn:
    client = _client()
    started = time.perf_counter()
    ttft_ms: float | None = None
    with client.messages.stream(**request(messages)) as stream:
        for event in stream:
            if ttft_ms is None and event.type == "content_block_delta":
                ttft_ms = (time.perf_counter() - started) * 1000
        message = stream.get_final_message()
    return Turn(message, ttft_ms if ttft_ms is not None else (time.perf_counter() - started) * 1000)


def _answer_tools(message: anthropic.types.Message) -> list[dict[str, Any]]:
    results = [
        {
            "type": "tool_result",
            "tool_use_id": block.id,
            "content": json.dumps(run_tool(block.name, block.input), ensure_ascii=False),
        }
        for block in message.content
        if block.type == "tool_use"
    ]
    content = [block.to_dict(mode="json") for block in message.content]
    return [{"role": "assistant", "content": content}, {"role": "user", "content": results}]


def _text(message: anthropic.types.Message) -> str:
    return "".join(block.text for block in message.content if block.type == "text")
