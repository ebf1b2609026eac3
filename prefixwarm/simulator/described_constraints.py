"""Reads the constraints that the provider's SDKs move from a schema into its description.

Structured outputs do not support them, so the SDKs describe them to the model:
https://platform.claude.com/docs/en/build-with-claude/structured-outputs#sdk-specific-methods.
"""

from __future__ import annotations

import re
from typing import Any

_GROUP = re.compile(r"(?:\A|\n\n)\{(.*)\}\Z", re.DOTALL)
_PAIR = re.compile(r"(\w+): (.*?)(?=, \w+: |\Z)", re.DOTALL)
_TEXTS = ("format", "pattern")
_NUMBER = re.compile(r"-?\d+(\.\d+)?")


def described_constraints(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the keywords in a schema's description, such as ``{minimum: 18}``.

    Parameters
    ----------
    schema : dict
        A JSON schema.
    """
    description = schema.get("description")
    group = _GROUP.search(description) if isinstance(description, str) else None
    constraints: dict[str, Any] = {}
    for name, value in _PAIR.findall(group[1]) if group else ():
        if name in _TEXTS:
            constraints[name] = value
        elif number := _NUMBER.fullmatch(value):
            constraints[name] = float(value) if number[1] else int(value)
    return constraints
