"""Limits how deep a JSON document may be nested, so that no function overflows its stack."""

from __future__ import annotations

MAX_DEPTH = 200


def too_deep(document: object) -> bool:
    """Whether a document is nested deeper than `MAX_DEPTH`; safe for any depth."""
    level = [document]
    for _ in range(MAX_DEPTH):
        level = [
            value
            for container in level
            if isinstance(container, (dict, list))
            for value in (container.values() if isinstance(container, dict) else container)
        ]
    return bool(level)
