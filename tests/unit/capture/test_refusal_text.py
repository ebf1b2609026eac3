"""The sentence of an error reply, from any provider or gateway."""

from __future__ import annotations

import gzip

import pytest

from prefixwarm.capture.refusal_text import refusal_text


@pytest.mark.parametrize(
    ("body", "text"),
    [
        (b'{"type": "error", "error": {"type": "x", "message": "too long"}}', "too long"),
        (b'{"message": "no access"}', "no access"),
        (b'{"Message": "no access"}', "no access"),
        (b'{"error": "down"}', "down"),
        (b'{"error": {"message": "a\\u001b[31mb"}}', "a\\x1b[31mb"),
        (b'{"error": {"message": 5}}', ""),
        (b"<html>", ""),
        (b"[]", ""),
        (b"", ""),
    ],
)
def test_the_sentence(body: bytes, text: str) -> None:
    """One printable line, or nothing."""
    assert refusal_text(body) == text


def test_a_packed_reply() -> None:
    """Whole, or cut short."""
    packed = gzip.compress(b'{"message": "no"}')
    assert refusal_text(packed, "gzip") == "no"
    assert refusal_text(packed[:-9], "gzip") == ""
