"""What stands in an item of the table, as values.

An item may hold anything: an agent's role may write its own prefixes' items. Whatever it holds,
reading it gives a value or raises StateItemError, and nothing else.
"""

from __future__ import annotations

from prefixwarm.errors import StateItemError
from prefixwarm.state.schema import COUNT
from prefixwarm.state.warm_state import FIELDS, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from prefixwarm.state.schema import Kind


# Of what items mean. Attributes that are new, and left out by older code, need no new one.
VERSION = 1


def state_of(key: str, item: object) -> State:
    """The state that an item holds, one of an older version as well.

    Raises
    ------
    StateItemError
        When a later version wrote it, which may mean other things by it; or when an attribute
        holds what it cannot.
    """
    if not isinstance(item, dict):
        raise StateItemError(key, "is no item of the warm state")
    version = (
        read_attribute(key, "version", COUNT, item["version"]) if "version" in item else VERSION
    )
    if version > VERSION:
        raise StateItemError(
            key,
            f"the state is of version {version}, and this prefixwarm reads up to {VERSION}; "
            "deploy the later one here too, or give it a table of its own",
        )
    attributes = {
        attribute: read_attribute(key, attribute, field.kind, item[attribute])
        for attribute, field in FIELDS.items()
        if attribute in item
    }
    return State.of(key, **attributes)


def read_attribute(key: str, name: str, kind: Kind, value: object) -> Any:
    """The value of one attribute; raises StateItemError where it is none of its kind."""
    try:
        return kind.read(value)
    except ValueError:
        problem = f"attribute {name} is not {kind.what}; delete the item to start anew"
        raise StateItemError(key, problem) from None
