"""AWS event stream framing, as ``invoke-with-response-stream`` answers."""

from __future__ import annotations

import base64
import struct
import zlib
from typing import Any

import orjson

__all__ = ["CONTENT_TYPE", "chunk"]

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7
_OVERHEAD = 16
_HEADERS = {
    ":event-type": "chunk",
    ":content-type": "application/json",
    ":message-type": "event",
}


def _header(name: str, value: str) -> bytes:
    return (
        struct.pack("!B", len(name))
        + name.encode()
        + struct.pack("!BH", _STRING, len(value))
        + value.encode()
    )


_ENCODED_HEADERS = b"".join(_header(name, value) for name, value in _HEADERS.items())


def chunk(event: dict[str, Any]) -> bytes:
    """Frame one event.

    Notes
    -----
    https://docs.aws.amazon.com/lexv2/latest/dg/event-stream-encoding.html: total length, header
    length, checksum of both, headers, payload, checksum of everything before it.
    """
    payload = orjson.dumps({"bytes": base64.b64encode(orjson.dumps(event)).decode()})
    total = _OVERHEAD + len(_ENCODED_HEADERS) + len(payload)
    prelude = struct.pack("!II", total, len(_ENCODED_HEADERS))
    framed = prelude + struct.pack("!I", zlib.crc32(prelude)) + _ENCODED_HEADERS + payload
    return framed + struct.pack("!I", zlib.crc32(framed))
