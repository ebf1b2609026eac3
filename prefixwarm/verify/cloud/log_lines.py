"""Reads what probes and the layer write to a function's log."""

from __future__ import annotations

import json
from typing import Any


def probe_lines(log: str, probe: str) -> list[dict[str, Any]]:
    """The lines of a probe in a log, parsed."""
    return [document for document in json_lines(log) if document.get("probe") == probe]


def json_lines(log: str) -> list[dict[str, Any]]:
    """The JSON objects among a log's lines; what stands before one, such as a time, is skipped."""
    starts = (line[line.find("{") :] for line in log.splitlines() if "{" in line)
    return [document for document in map(_object, starts) if document is not None]


def _object(text: str) -> dict[str, Any] | None:
    try:
        value = json.JSONDecoder().raw_decode(text)[0]
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def init_outcomes(log: str, initialization: str | None = None) -> list[str]:
    """Outcome and reason of each start that the layer has logged, of one kind or of all."""
    return [
        f"{document.get('outcome')}: {document.get('reason', '')}"
        for document in json_lines(log)
        if document.get("by") == "init" and initialization in (None, document.get("initialization"))
    ]
