"""Composes and encodes the simulated model's replies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from prefixwarm.simulator import eventstream
from prefixwarm.simulator.http_types import Part
from prefixwarm.simulator.samples import sample
from prefixwarm.simulator.tool_calls import tool_to_call

if TYPE_CHECKING:
    from prefixwarm.simulator.settings import Latency


Json = dict[str, Any]

_TOKEN = 4
_WORDS: tuple[str, ...] = ("This", " is", " a", " simulated", " reply", ".")


class Answer(NamedTuple):
    """The model's output.

    Attributes
    ----------
    pieces : tuple of str
        One per output token.
    stop_reason : str
        Why it ended.
    tool : str or None
        The tool whose input the pieces are; by default they are text.
    """

    pieces: tuple[str, ...]
    stop_reason: str
    tool: str | None = None

    @property
    def tokens(self) -> int:
        """Output tokens."""
        return len(self.pieces)

    def block(self, use_id: str) -> Json:
        """Return the finished content block."""
        whole = "".join(self.pieces)
        if self.tool is None:
            return {"type": "text", "text": whole}
        value = orjson.loads(whole) if self.stop_reason == "tool_use" else {}
        return {"type": "tool_use", "id": use_id, "name": self.tool, "input": value}


def answer(request: Json, *, call_tools: bool = False) -> Answer:
    """Compose the reply: a fixed sentence, or what the request can parse.

    Parameters
    ----------
    request : dict
        A validated body.
    call_tools : bool
        See `prefixwarm.simulator.Switches`.
    """
    pieces, tool = _WORDS, tool_to_call(request, call_tools=call_tools)
    form = (request.get("output_config") or {}).get("format") or request.get("output_format")
    if tool is not None:
        pieces = _pieces(sample(tool.get("input_schema") or {"type": "object"}))
    elif form is not None:
        pieces = _pieces(sample(form["schema"]))
    most, name = request["max_tokens"], tool["name"] if tool else None
    if most < len(pieces):
        return Answer(pieces[:most], "max_tokens", name)
    return Answer(pieces, "tool_use" if tool else "end_turn", name)


def _pieces(value: Any) -> tuple[str, ...]:
    """Cut JSON into pieces of one token each."""
    text = orjson.dumps(value).decode()
    return tuple(text[at : at + _TOKEN] for at in range(0, len(text), _TOKEN))


def message(head: Json, reply: Answer, usage: Json, use_id: str) -> Json:
    """Build the body of a non-streamed reply.

    Parameters
    ----------
    head : dict
        ``id``, ``model`` and the other fields besides the content.
    reply : Answer
        The output.
    usage : dict
        The complete usage.
    use_id : str
        Id of a tool use.
    """
    return {
        **head,
        "content": [reply.block(use_id)] if reply.pieces else [],
        "stop_reason": reply.stop_reason,
        "stop_sequence": None,
        "usage": usage,
    }


def events(
    head: Json, reply: Answer, usage: Json, use_id: str, latency: Latency
) -> list[tuple[float, Json]]:
    """List the events of a streamed reply, with seconds after its first token."""
    started = {**usage, "output_tokens": min(1, reply.tokens)}
    empty: Json = {"content": [], "stop_reason": None, "stop_sequence": None, "usage": started}
    end = latency.output(reply.tokens)
    block, deltas = _block_events(reply, use_id)
    timed: list[tuple[float, Json]] = [
        (0.0, {"type": "message_start", "message": {**head, **empty}}),
        (0.0, {"type": "content_block_start", "index": 0, "content_block": block}),
        (0.0, {"type": "ping"}),
    ]
    for number, delta in enumerate(deltas):
        after = min(end, number / latency.output_rate)
        timed.append((after, {"type": "content_block_delta", "index": 0, "delta": delta}))
    stopped = {"stop_reason": reply.stop_reason, "stop_sequence": None}
    final = {key: usage[key] for key in usage if key.endswith("_tokens")}
    timed += [
        (end, {"type": "content_block_stop", "index": 0}),
        (end, {"type": "message_delta", "delta": stopped, "usage": final}),
        (end, {"type": "message_stop"}),
    ]
    return timed


def _block_events(reply: Answer, use_id: str) -> tuple[Json, list[Json]]:
    if reply.tool is None:
        deltas = [{"type": "text_delta", "text": piece} for piece in reply.pieces]
        return {"type": "text", "text": ""}, deltas
    deltas = [{"type": "input_json_delta", "partial_json": piece} for piece in reply.pieces]
    return {"type": "tool_use", "id": use_id, "name": reply.tool, "input": {}}, deltas


def stream(timed: list[tuple[float, Json]], first: float, *, framed: bool) -> list[Part]:
    """Encode events as server-sent events, or framed as AWS event stream messages.

    Parameters
    ----------
    timed : list
        From `events`.
    first : float
        Seconds from the request's start to the first token.
    framed : bool
        Whether to use AWS's framing.
    """
    if framed:
        framed_events = [(after, event) for after, event in timed if event["type"] != "ping"]
        return [Part(first + after, eventstream.chunk(event)) for after, event in framed_events]
    return [Part(first + after, _sse(event)) for after, event in timed]


def _sse(event: Json) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (event["type"].encode(), orjson.dumps(event))
