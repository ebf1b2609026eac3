"""Bytes in a request, as boto3 takes them: images and documents of Converse."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from typing import Any


def encoded(value: Any) -> Any:
    """A value whose bytes are Base64, as they are sent; the value itself where it holds none."""
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode()
    if isinstance(value, Mapping):
        return {name: encoded(inner) for name, inner in value.items()}
    return [encoded(item) for item in value] if isinstance(value, list | tuple) else value
