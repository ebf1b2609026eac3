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
    from typing import Any

    from prefixwarm.state.schema import Kind


# The version of the items' meaning. A new attribute that older code omits needs no new version.
VERSION = 1


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
    attributes = {
        attribute: read_attribute(key, attribute, field.kind, item[attribute])
        for attribute, field in FIELDS.items()
        if attribute in item
    }
    return State.of(key, **attributes)


def read_attribute(key: str, name: str, kind: Kind, value: object) -> Any:
    """The value of one attribute; raises StateItemError if it has the wrong kind."""
    try:
        return kind.read(value)
    except ValueError:
        problem = f"attribute {name} is not {kind.what}; delete the item to start over"
        raise StateItemError(key, problem) from None
