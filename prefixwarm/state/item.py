"""What stands in an item of the table, as values.

An item may hold anything: an agent's role may write its own prefixes' items. Whatever it holds,
reading it gives a value or raises StateItemError, and nothing else.
"""

from __future__ import annotations

from prefixwarm.errors import StateItemError
from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.state.model import DueStates, Ledger, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any


# Of what items mean. Attributes that are new, and left out by older code, need no new one.
VERSION = 1

# The year 5138; an hour; a day's calls of the largest fleet for a thousand years; dollars.
_LATEST = 1e11
_LONGEST_MS = 3_600_000.0
_MOST = 2**53
_MOST_USD = 1e9

_KEY_PARTS = 6


def _number(value: object) -> float:
    text = _only(value, "N")
    try:
        return float(text) if isinstance(text, str) else float("nan")
    except ValueError:
        return float("nan")


def _only(value: object, kind: str) -> object:
    return value.get(kind) if isinstance(value, dict) and len(value) == 1 else None


def _within(least: float, most: float, what: str) -> Callable[[object], float]:
    def read(value: object) -> float:
        number = _number(value)
        if not least <= number <= most:
            raise ValueError(what)
        return number

    return read


def _count(value: object) -> int:
    number = _number(value)
    if not (0 <= number <= _MOST and number == int(number)):
        raise ValueError("a count")
    return int(number)


def _ttl(value: object) -> int:
    number = _number(value)
    if number not in (TTL_5M, TTL_1H):
        raise ValueError(f"{TTL_5M} or {TTL_1H} seconds")
    return int(number)


def _text(value: object) -> str:
    text = _only(value, "S")
    if not isinstance(text, str):
        raise ValueError("a text")
    return text


def _texts(value: object) -> tuple[str, ...]:
    texts = _only(value, "SS")
    if not (isinstance(texts, list | tuple) and all(isinstance(text, str) for text in texts)):
        raise ValueError("a set of texts")
    return tuple(sorted(texts))


_time = _within(-_LATEST, _LATEST, "a time in epoch seconds")
_milliseconds = _within(0, _LONGEST_MS, "milliseconds of a call")
_usd = _within(-_MOST_USD, _MOST_USD, "US dollars")

_READERS: dict[str, Callable[[object], Any]] = {
    **dict.fromkeys(("warm_until", "last_touch", "traffic_at", "lease_until"), _time),
    **dict.fromkeys(("backoff_until", "tripped_until", "outcome_at", "matched_at"), _time),
    **dict.fromkeys(("drift_at", "started_at", "deployed_at", "due_at"), _time),
    **dict.fromkeys(("granted_ttl", "wanted_ttl", "longest_ttl", "agent_ttl"), _ttl),
    **dict.fromkeys(("idle", "lease_token", "failures", "rewrites", "max_tokens"), _count),
    **dict.fromkeys(("calls", "unpriced", "starts", "start_hits", "saves"), _count),
    **dict.fromkeys(("settled", "settled_saves"), _count),
    **dict.fromkeys(("write_ms", "read_ms"), _milliseconds),
    **dict.fromkeys(("saved_usd", "spent_usd", "kept_usd"), _usd),
    **dict.fromkeys(("settled_saved_usd", "settled_others_usd", "init_allowance_usd"), _usd),
    **dict.fromkeys(("name", "deployment", "lease_owner", "outcome", "reason"), _text),
    **dict.fromkeys(("learned", "drift_tier", "drift_place", "message_id"), _text),
    **dict.fromkeys(("object", "backoff_of", "traffic_by"), _text),
    "functions": _texts,
}


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
    version = _read(key, "version", _count, item["version"]) if "version" in item else VERSION
    if version > VERSION:
        raise StateItemError(
            key,
            f"the state is of version {version}, and this prefixwarm reads up to {VERSION}; "
            "deploy the later one here too, or give it a table of its own",
        )
    return State(
        key=key,
        **{
            name: _read(key, name, read, item[name])
            for name, read in _READERS.items()
            if name in item
        },
    )


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
    key = _only(item.get("pk"), "S") if isinstance(item, dict) else None
    if not isinstance(key, str):
        raise StateItemError("", "an item of the index has no key")
    parts = key.split("/", _KEY_PARTS - 1)
    if len(parts) < _KEY_PARTS or parts[0] != "state":
        raise StateItemError(key, "is no key of a prefix; delete the item")
    return state_of(key, item)


def _read(key: str, name: str, read: Callable[[object], Any], value: object) -> Any:
    try:
        return read(value)
    except ValueError as error:
        problem = f"attribute {name} is not {error}; delete the item to start anew"
        raise StateItemError(key, problem) from None


def ledger_key(key: str, day: str) -> str:
    """The partition key of one day's ledger."""
    return f"ledger/{key.partition('/')[2]}/{day}"


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
        name.removeprefix("outcome_"): _read(at, name, _count, value)
        for name, value in item.items()
        if name.startswith("outcome_")
    }
    counts = {n: _read(at, n, _count, item[n]) for n in ("unpriced", "saves") if n in item}
    sums = {
        n: _read(at, n, _usd, item[n])
        for n in ("spent_usd", "others_usd", "saved_usd", "committed_usd")
        if n in item
    }
    return Ledger(key=key, day=day, outcomes=outcomes, **counts, **sums)
