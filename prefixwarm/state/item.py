"""What stands in an item of the table, as values.

An item may hold anything: an agent's role may write its own prefixes' items. Whatever it holds,
reading it gives a value or raises StateItemError, and nothing else.
"""

from __future__ import annotations

from prefixwarm.errors import StateItemError
from prefixwarm.state.model import DueStates, Ledger, RoutePause
from prefixwarm.state.schema import COUNT, TEXT, TIME, USD, only
from prefixwarm.state.warm_state import FIELDS, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from prefixwarm.state.schema import Kind


# Of what items mean. Attributes that are new, and left out by older code, need no new one.
VERSION = 1

_KEY_FIELDS = 6


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
    version = _read(key, "version", COUNT, item["version"]) if "version" in item else VERSION
    if version > VERSION:
        raise StateItemError(
            key,
            f"the state is of version {version}, and this prefixwarm reads up to {VERSION}; "
            "deploy the later one here too, or give it a table of its own",
        )
    attributes = {
        attribute: _read(key, attribute, field.kind, item[attribute])
        for attribute, field in FIELDS.items()
        if attribute in item
    }
    return State.of(key, **attributes)


def due_states(items: Iterable[object]) -> DueStates:
    """The states of the index's items; what is wrong with one says nothing about the others."""
    states: list[State] = []
    unreadable: list[StateItemError] = []
    for item in items:
        try:
            states.append(_due_state(item))
        except StateItemError as error:  # noqa: PERF203 - one does not hide the others
            unreadable.append(error)
    return DueStates(states=states, unreadable=unreadable)


def _due_state(item: object) -> State:
    key = only(item.get("pk"), "S") if isinstance(item, dict) else None
    if not isinstance(key, str):
        raise StateItemError("", "an item of the index has no key")
    fields = key.split("/", _KEY_FIELDS - 1)
    if len(fields) < _KEY_FIELDS or fields[0] != "state":
        raise StateItemError(key, "is no key of a prefix; delete the item")
    return state_of(key, item)


def pause_of(key: str, item: object) -> RoutePause:
    """The pause that a route's item holds; over long ago where there is none.

    Raises
    ------
    StateItemError
        When an attribute holds what it cannot.
    """
    if not isinstance(item, dict):
        raise StateItemError(key, "is no item of a route")
    pause = {
        name: _read(key, name, kind, item[name])
        for name, kind in (("backoff_until", TIME), ("reason", TEXT))
        if name in item
    }
    return RoutePause(until=pause.get("backoff_until", 0.0), reason=pause.get("reason", ""))


def _read(key: str, name: str, kind: Kind, value: object) -> Any:
    try:
        return kind.read(value)
    except ValueError:
        problem = f"attribute {name} is not {kind.what}; delete the item to start anew"
        raise StateItemError(key, problem) from None


def ledger_key(key: str, day: str) -> str:
    """The partition key of one day's ledger."""
    return f"ledger/{key.partition('/')[2]}/{day}"


_LEDGER_COUNTS = ("unpriced", "saves", "committed_tokens")


def ledger_of(key: str, day: str, item: object) -> Ledger:
    """The ledger that an item holds.

    Raises
    ------
    StateItemError
        When an attribute holds what it cannot.
    """
    at = ledger_key(key, day)
    if not isinstance(item, dict):
        raise StateItemError(at, "is no item of a ledger")
    outcomes = {
        name.removeprefix("outcome_"): _read(at, name, COUNT, value)
        for name, value in item.items()
        if name.startswith("outcome_")
    }
    counts = {n: _read(at, n, COUNT, item[n]) for n in _LEDGER_COUNTS if n in item}
    sums = {
        n: _read(at, n, USD, item[n])
        for n in ("spent_usd", "others_usd", "saved_usd", "committed_usd")
        if n in item
    }
    return Ledger(key=key, day=day, outcomes=outcomes, **counts, **sums)
