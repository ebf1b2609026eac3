"""Translates a reply into Converse's form."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.simulator import eventstream
from prefixwarm.simulator.http_types import Part

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator.request_log import Record
    from prefixwarm.simulator.settings import Switches


Json = dict[str, Any]


def message(body: Json, record: Record, switches: Switches) -> Json:
    """Translate the body of a reply that is not streamed."""
    content = [_block(block) for block in body["content"]]
    return {
        "metrics": _metrics(record),
        "output": {"message": {"role": body["role"], "content": content}},
        "stopReason": body["stop_reason"],
        "usage": _usage(record, switches),
    }


def stream(timed: list[tuple[float, Json]], record: Record, switches: Switches) -> list[Part]:
    """Translate the events of a streamed reply; the usage comes last."""
    first = record.ttft or 0.0
    return [
        Part(first + after, eventstream.frame(kind, event))
        for after, sent in timed
        for kind, event in _events(sent, record, switches)
    ]


def _events(sent: Json, record: Record, switches: Switches) -> Iterator[tuple[str, Json]]:
    kind, at = sent["type"], {"contentBlockIndex": sent.get("index")}
    if kind == "message_start":
        yield "messageStart", {"role": sent["message"]["role"]}
    elif kind == "content_block_start" and sent["content_block"]["type"] == "tool_use":
        use = sent["content_block"]
        start = {"toolUse": {"toolUseId": use["id"], "name": use["name"]}}
        yield "contentBlockStart", {**at, "start": start}
    elif kind == "content_block_delta":
        yield "contentBlockDelta", {**at, "delta": _delta(sent["delta"])}
    elif kind == "content_block_stop":
        yield "contentBlockStop", at
    elif kind == "message_delta":
        yield "messageStop", {"stopReason": sent["delta"]["stop_reason"]}
    elif kind == "message_stop":
        yield "metadata", {"metrics": _metrics(record), "usage": _usage(record, switches)}


def _delta(delta: Json) -> Json:
    if delta["type"] == "text_delta":
        return {"text": delta["text"]}
    return {"toolUse": {"input": delta["partial_json"]}}


def _block(block: Json) -> Json:
    if block["type"] == "text":
        return {"text": block["text"]}
    use = {"toolUseId": block["id"], "name": block["name"], "input": block["input"]}
    return {"toolUse": use}


def _metrics(record: Record) -> Json:
    return {"latencyMs": round((record.latency or 0.0) * 1000)}


def _usage(record: Record, switches: Switches) -> Json:
    """Tokens under Converse's names, with writes split by TTL, the longer first."""
    usage = record.usage or {}
    totals = {
        "inputTokens": usage["input_tokens"],
        "outputTokens": usage["output_tokens"],
        "totalTokens": 0,
        "cacheReadInputTokens": usage["cache_read_input_tokens"],
        "cacheWriteInputTokens": usage["cache_creation_input_tokens"],
    }
    totals["totalTokens"] = sum(totals.values())
    if switches.legacy_usage == "missing":
        return totals
    split = usage.get("cache_creation") or {}
    named = {ttl: split.get(f"ephemeral_{ttl}_input_tokens", 0) for ttl in ("1h", "5m")}
    details = [{"ttl": ttl, "inputTokens": tokens} for ttl, tokens in named.items() if tokens]
    return {**totals, "cacheDetails": None if switches.legacy_usage == "null" else details}
