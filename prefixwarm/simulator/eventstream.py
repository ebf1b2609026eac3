"""AWS event stream framing, used by the runtime's streamed operations."""

from __future__ import annotations

import base64
import struct
import zlib
from functools import cache
from typing import Any

import orjson

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7
_OVERHEAD = 16


def _header(name: str, value: str) -> bytes:
    return (
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", _STRING, len(value))
        + value.encode()
    )


@cache
def _headers(kind: str) -> bytes:
    named = {":event-type": kind, ":content-type": "application/json", ":message-type": "event"}
    return b"".join(_header(name, value) for name, value in named.items())


def chunk(event: dict[str, Any]) -> bytes:
    """Frame one event of InvokeModel."""
    return frame("chunk", {"bytes": base64.b64encode(orjson.dumps(event)).decode()})


def frame(kind: str, event: dict[str, Any]) -> bytes:
    """Frame one event.

    Notes
    -----
    https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html: total length, header
    length, checksum of both, headers, payload, checksum of everything before it.
    """
    payload, headers = orjson.dumps(event), _headers(kind)
    prelude = struct.pack("!II", _OVERHEAD + len(headers) + len(payload), len(headers))
    framed = prelude + struct.pack("!I", zlib.crc32(prelude)) + headers + payload
    return framed + struct.pack("!I", zlib.crc32(framed))
