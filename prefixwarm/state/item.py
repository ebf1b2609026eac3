"""What stands in an item of the table, as values."""

from __future__ import annotations

from prefixwarm.errors import StateError
from prefixwarm.state.model import Ledger, State

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Any


# Of what items mean. Attributes that are new, and left out by older code, need no new one.
VERSION = 1

_NUMBERS = {
    "warm_until": float,
    "last_touch": float,
    "granted_ttl": int,
    "wanted_ttl": int,
    "longest_ttl": int,
    "idle": int,
    "traffic_at": float,
    "lease_token": int,
    "lease_until": float,
    "backoff_until": float,
    "failures": int,
    "rewrites": int,
    "tripped_until": float,
    "max_tokens": int,
    "outcome_at": float,
    "matched_at": float,
    "drift_at": float,
    "started_at": float,
    "deployed_at": float,
    "write_ms": float,
    "read_ms": float,
    "calls": int,
    "unpriced": int,
    "starts": int,
    "start_hits": int,
    "saves": int,
    "saved_usd": float,
    "spent_usd": float,
    "kept_usd": float,
    "settled": int,
    "settled_saves": int,
    "settled_saved_usd": float,
    "settled_others_usd": float,
    "due_at": float,
}
_TEXTS = (
    *("name", "deployment", "lease_owner", "outcome", "reason", "learned"),
    *("drift_tier", "drift_place", "message_id", "object", "backoff_of"),
    "traffic_by",
)


def state_of(key: str, item: Mapping[str, Any]) -> State:
    """The state that an item holds, one of an older version as well.

    Raises
    ------
    StateError
        When a later version wrote it, which may mean other things by it.
    """
    version = int(item["version"]["N"]) if "version" in item else VERSION
    if version > VERSION:
        raise StateError(
            f"{key}: the state is of version {version}, and this prefixwarm reads up to {VERSION}; "
            "deploy the later one here too, or give it a table of its own"
        )
    found: dict[str, Any] = {"key": key}
    for name, kind in _NUMBERS.items():
        if name in item:
            found[name] = kind(float(item[name]["N"]))
    for name in _TEXTS:
        if name in item:
            found[name] = item[name]["S"]
    if "functions" in item:
        found["functions"] = tuple(sorted(item["functions"]["SS"]))
    return State(**found)


def ledger_key(key: str, day: str) -> str:
    """The partition key of one day's ledger."""
    return f"ledger/{key.partition('/')[2]}/{day}"


def ledger_of(key: str, day: str, item: Mapping[str, Any]) -> Ledger:
    """The ledger that an item holds."""
    numbers = {name: float(value["N"]) for name, value in item.items() if "N" in value}
    outcomes = {
        name.removeprefix("outcome_"): int(count)
        for name, count in numbers.items()
        if name.startswith("outcome_")
    }
    return Ledger(
        key=key,
        day=day,
        outcomes=outcomes,
        spent_usd=numbers.get("spent_usd", 0.0),
        unpriced=int(numbers.get("unpriced", 0)),
        others_usd=numbers.get("others_usd", 0.0),
        saves=int(numbers.get("saves", 0)),
        saved_usd=numbers.get("saved_usd", 0.0),
    )
