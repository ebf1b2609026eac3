"""Extracts the provider's message from an error reply."""

from __future__ import annotations

import gzip
import json
import zlib
from typing import Any

from prefixwarm.safe_text import masked, printable

_LONGEST = 300


def refusal_text(body: bytes, encoding: str = "") -> str:
    """Return the message of an error reply, safe to print; "" if there is none.

    Parameters
    ----------
    body : bytes
        The reply's body, or its start.
    encoding : str
        Its ``content-encoding``.
    """
    try:
        document: Any = json.loads(gzip.decompress(body) if encoding == "gzip" else body)
    except (ValueError, OSError, EOFError, RecursionError, zlib.error):
        return ""
    error = document.get("error", document) if isinstance(document, dict) else {}
    texts = [error.get("message"), error.get("Message")] if isinstance(error, dict) else [error]
    sentence = next((text for text in texts if isinstance(text, str)), "")
    return printable(masked(sentence), _LONGEST)
