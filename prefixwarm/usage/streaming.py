"""Collects the usage of a streamed reply from its events."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from prefixwarm.usage.reading import MODEL_NAMES, USAGE_NAMES, plain, read_usage

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefixwarm.usage.reading import Reading

# The fields of an event that contain the usage: in Claude's first event, OpenAI's Responses events,
# Converse's last event and InvokeModel's chunks. Gemini and Chat Completions have it at the top.
_HOLDERS = ("message", "response", "metadata", "chunk")
_BYTES = b'"usage"'


class StreamedUsage:
    """The usage of one streamed reply.

    It comes in several events: Claude counts the prompt in the first and the output in later ones;
    others repeat everything. Counts only grow, so the largest value is right even if a gateway
    writes 0 in a later event.
    """

    def __init__(self) -> None:
        self._fields: dict[str, Any] = {}
        self._model = ""

    def add(self, event: object) -> None:
        """Add the usage in an event, if it has any."""
        for holder in _holders(event):
            model = next((m for name in MODEL_NAMES if isinstance(m := _of(holder, name), str)), "")
            self._model = self._model or model
            for name in USAGE_NAMES:
                usage = plain(_of(holder, name))
                if usage is not None:
                    self._merge(usage)

    def _merge(self, usage: Mapping[str, Any]) -> None:
        for name, value in usage.items():
            before = self._fields.get(name)
            if type(value) is int and type(before) is int:
                self._fields[name] = max(value, before)
            elif value is not None:
                self._fields[name] = value

    def reading(self) -> Reading | None:
        """The usage in all events so far; None while no event had any."""
        return read_usage({"usage": self._fields, "model": self._model}) if self._fields else None


def _holders(event: object) -> Iterator[object]:
    """The parts of an event that may have a usage; not converted, as most events have none."""
    yield event
    for name in _HOLDERS:
        inner = _of(event, name)
        data = _of(inner, "bytes") if name == "chunk" else None
        if isinstance(data, bytes):
            if _BYTES in data:
                yield from _holders(_parsed(data))
        elif inner is not None:
            yield inner


def _parsed(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None


def _of(value: object, name: str) -> object:
    if isinstance(value, dict):
        return value.get(name)
    return getattr(value, name, None)
