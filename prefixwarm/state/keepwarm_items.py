"""Reads the items that only keep-warm uses: due states, pauses, ledgers."""

from __future__ import annotations

from prefixwarm.errors import StateItemError
from prefixwarm.state.item import read_attribute, read_attributes, state_of
from prefixwarm.state.keepwarm_model import DueStates, Ledger, RoutePause
from prefixwarm.state.schema import COUNT, TEXT, TIME, USD, only

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from prefixwarm.state.warm_state import State


_KEY_FIELDS = 6


def due_states(items: Iterable[object]) -> DueStates:
    """The states of the index's items; an invalid item does not affect the others."""
    states: list[State] = []
    unreadable: list[StateItemError] = []
    for item in items:
        try:
            states.append(_due_state(item))
        except StateItemError as error:  # noqa: PERF203 - one must not hide the others
            unreadable.append(error)
    return DueStates(states=states, unreadable=unreadable)


def _due_state(item: object) -> State:
    key = only(item.get("pk"), "S") if isinstance(item, dict) else None
    if not isinstance(key, str):
        raise StateItemError("", "an index item has no key")
    fields = key.split("/", _KEY_FIELDS - 1)
    if len(fields) < _KEY_FIELDS or fields[0] != "state":
        raise StateItemError(key, "is not the key of a prefix; delete the item")
    return state_of(key, item)


def pause_of(key: str, item: object) -> RoutePause:
    """Read the pause in a route's item; if there is none, one that ended long ago.

    Raises
    ------
    StateItemError
        An attribute is invalid.
    """
    if not isinstance(item, dict):
        raise StateItemError(key, "is not the item of a route")
    pause = read_attributes(key, item, {"backoff_until": TIME, "reason": TEXT})
    return RoutePause(until=pause.get("backoff_until", 0.0), reason=pause.get("reason", ""))


def ledger_key(key: str, day: str) -> str:
    """The partition key of one day's ledger."""
    return f"ledger/{key.partition('/')[2]}/{day}"


_LEDGER = {
    **dict.fromkeys(("unpriced", "saves", "committed_tokens"), COUNT),
    **dict.fromkeys(("spent_usd", "others_usd", "saved_usd", "committed_usd"), USD),
}


def ledger_of(key: str, day: str, item: object) -> Ledger:
    """Read the ledger in an item.

    Raises
    ------
    StateItemError
        An attribute is invalid.
    """
    at = ledger_key(key, day)
    if not isinstance(item, dict):
        raise StateItemError(at, "is not the item of a ledger")
    outcomes = {
        name.removeprefix("outcome_"): read_attribute(at, name, COUNT, value)
        for name, value in item.items()
        if name.startswith("outcome_")
    }
    return Ledger(key=key, day=day, outcomes=outcomes, **read_attributes(at, item, _LEDGER))
