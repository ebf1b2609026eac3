"""Reads an item of the table.

An item may hold anything, because an agent's role may write its own prefixes' items. Reading
returns a value or raises StateItemError, never anything else.
"""

from __future__ import annotations

from prefixwarm.errors import StateItemError
from prefixwarm.state.schema import COUNT
from prefixwarm.state.warm_state import FIELDS, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any

    from prefixwarm.state.schema import Kind


# The version of the items' meaning. A new attribute that older code omits needs no new version.
VERSION = 1
_KINDS = {attribute: field.kind for attribute, field in FIELDS.items()}


def state_of(key: str, item: object) -> State:
    """Read the state in an item; older versions are accepted.

    Raises
    ------
    StateItemError
        A later version wrote it, and its attributes may mean something else; or an attribute is
        invalid.
    """
    if not isinstance(item, dict):
        raise StateItemError(key, "is not an item of the warm state")
    version = (
        read_attribute(key, "version", COUNT, item["version"]) if "version" in item else VERSION
    )
    if version > VERSION:
        raise StateItemError(
            key,
            f"the state has version {version}, and this prefixwarm reads up to {VERSION}; "
            "deploy the later version here too, or give it a separate table",
        )
    return State.of(key, **read_attributes(key, item, _KINDS))


def read_attributes(key: str, item: Mapping[str, Any], kinds: Mapping[str, Kind]) -> dict[str, Any]:
    """The values of those of these attributes that an item has; raises StateItemError."""
    return {n: read_attribute(key, n, kind, item[n]) for n, kind in kinds.items() if n in item}


def read_attribute(key: str, name: str, kind: Kind, value: object) -> Any:
    """The value of one attribute; raises StateItemError if it has the wrong kind."""
    try:
        return kind.read(value)
    except ValueError:
        problem = f"attribute {name} is not {kind.what}; delete the item to start over"
        raise StateItemError(key, problem) from None
