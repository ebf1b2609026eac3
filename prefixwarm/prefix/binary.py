"""Encodes bytes in a Converse request (images, documents), as boto3 does."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any


def encoded(value: Any) -> Any:
    """Return a value with its bytes as Base64, as sent; the value itself if it holds none."""
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: encoded(inner) for name, inner in value.items()}
    return [encoded(item) for item in value] if isinstance(value, list | tuple) else value
