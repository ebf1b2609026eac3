"""A real request from a file: its body, or an object with ``body`` and ``headers``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prefixwarm.core.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["read"]


def read(path: Path) -> tuple[dict[str, Any], dict[str, str] | None]:
    """The request's body, and its headers where the file holds them.

    Raises
    ------
    UsageError
        When it is no request.
    """
    try:
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise UsageError(f"{path}: is not JSON: {error}") from error
    if isinstance(document, dict) and isinstance(document.get("body"), dict):
        headers = document.get("headers")
        body = document["body"]
    else:
        headers, body = None, document
    if not isinstance(body, dict) or not isinstance(body.get("messages"), list):
        raise UsageError(f"{path}: messages: is missing; give the JSON body of a real request")
    lower = (
        {str(k).lower(): str(v) for k, v in headers.items()} if isinstance(headers, dict) else None
    )
    return body, lower
