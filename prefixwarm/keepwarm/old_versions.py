"""Versions of a prefix that a deployment has replaced: refreshed while they are still in use.

A weighted alias, or a rollback of one, sends real traffic to an earlier version of a function, and
so to the prefix that was deployed with it.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from prefixwarm.policy import Decision
from prefixwarm.provider.routes import route_named

if TYPE_CHECKING:
    from prefixwarm.prefix.manifest import Entry
    from prefixwarm.state.warm_state import State


# Three refreshes cost less than a sixth of the write that they may save.
SILENT_SECONDS = 3 * 3600.0
# Of each prefix, besides the one that is deployed.
MOST_VERSIONS = 2

# Of a key: state, route, region, scope and name; what follows changes with each version.
_PARTS = 5


def prefix_of(key: str) -> str:
    """What the keys of all versions of a prefix begin with."""
    return "/".join(key.split("/")[:_PARTS])


def used_at(state: State) -> float:
    """When this very version was last used: epoch seconds, 0 for never.

    An invocation says nothing here: the metric does not tell a function's versions apart.
    """
    return max(state.traffic.matched_at or 0.0, state.traffic.started_at or 0.0)


def held_back(decision: Decision, *, alive: bool) -> Decision:
    """The decision about a superseded version: what has lapsed is left to its own requests."""
    action, reason = decision.action, f"superseded: {decision.reason}"
    if action == "write":
        action = "refresh" if alive else "rest"
    if decision.sends and not alive:
        reason = "superseded, and lapsed: only its own requests write it"
    return Decision(action, decision.next_check, decision.ttl, reason)


class OldVersions:
    """The versions that are known; safe between threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._current: dict[str, tuple[str, Entry]] = {}
        self._used: dict[str, dict[str, float]] = {}

    def replaced_by(self, key: str, entry: Entry) -> None:
        """Other versions of this prefix are superseded by this one."""
        self._current[prefix_of(key)] = (key, entry)

    def entry(self, state: State, now: float) -> tuple[Entry | None, str]:
        """Where the version of this state is found; or None, and why it is forgotten."""
        current = self._current.get(prefix_of(state.key))
        if current is None:
            return None, "no longer in the manifest"
        key, entry = current
        if reason := self._refusal(state, key, now):
            return None, f"superseded, and {reason}"
        return replace(entry, object=state.deployment.object, superseded=True), ""

    def _refusal(self, state: State, current: str, now: float) -> str:
        if not state.deployment.object:
            return "its file is not known"
        if _model_of(state.key) != _model_of(current) and _signed(state.key):
            return "of another model: the function's role may call the deployed one only"
        if now - used_at(state) > SILENT_SECONDS:
            return f"not used for {SILENT_SECONDS / 3600:.0f} hours"
        return "" if self._among_the_last(state) else f"{MOST_VERSIONS} others were used since"

    def _among_the_last(self, state: State) -> bool:
        with self._lock:
            used = self._used.setdefault(prefix_of(state.key), {})
            used[state.key] = used_at(state)
            if len(used) > MOST_VERSIONS:
                del used[min(used, key=lambda key: used[key])]
            return state.key in used


def _model_of(key: str) -> str:
    return "/".join(key.split("/")[_PARTS:-1])


def _signed(key: str) -> bool:
    return bool(route_named(key.split("/")[1]).signing_service)
