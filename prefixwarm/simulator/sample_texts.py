"""Builds texts that fit a JSON schema's formats, lengths and patterns."""

from __future__ import annotations

from typing import Any

from prefixwarm.simulator.sample_patterns import sample_match

_PLAIN = "simulated"
_FORMATS = {
    "date-time": "2026-01-01T00:00:00Z",
    "date": "2026-01-01",
    "time": "00:00:00Z",
    "duration": "P1D",
    "email": "simulated@example.com",
    "idn-email": "simulated@example.com",
    "hostname": "example.com",
    "idn-hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "iri": "https://example.com/",
    "uri-reference": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000001",
    "json-pointer": "/simulated",
    "regex": "simulated",
    "binary": _PLAIN,
    "byte": "c2ltdWxhdGVk",
}


def sample_text(schema: dict[str, Any]) -> str:
    """Build a text for a schema of type ``string``.

    Parameters
    ----------
    schema : dict
        Uses its ``format``, ``pattern``, ``minLength`` and ``maxLength``.
    """
    least, most = integer_of(schema, "minLength", 0), integer_of(schema, "maxLength", 1 << 20)
    pattern = schema.get("pattern")
    if isinstance(pattern, str) and (text := sample_match(pattern, least, most)) is not None:
        return text
    text = _FORMATS.get(str(schema.get("format")), _PLAIN)
    if len(text) < least:
        text += "x" * (least - len(text))
    return text[:most]


def integer_of(schema: dict[str, Any], name: str, default: int) -> int:
    """Return a keyword's integer; the default if the schema has none there."""
    value = schema.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else default
