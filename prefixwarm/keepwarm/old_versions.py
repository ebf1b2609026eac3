"""Keeps superseded versions of a prefix warm while they are still in use.

A weighted alias, or a rollback of one, sends real traffic to an earlier version of a function, and
so to the prefix deployed with it.
"""

from __future__ import annotations

from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from prefixwarm.policy import Decision
from prefixwarm.provider.routes import route_named
from prefixwarm.state.model import shared_key

if TYPE_CHECKING:
    from prefixwarm.prefix.manifest import Entry
    from prefixwarm.state.warm_state import State


# Three refreshes cost less than a sixth of the write they may save.
SILENT_SECONDS = 3 * 3600.0
# Per prefix, in addition to the deployed version.
MOST_VERSIONS = 2

# The constant parts of a key: state, route, region, scope and name; the rest is per version.
_PARTS = 5


def used_at(state: State) -> float:
    """When this version was last used, in epoch seconds; 0 for never.

    Invocations do not count, because the metric does not distinguish a function's versions.
    """
    return max(state.traffic.matched_at or 0.0, state.traffic.started_at or 0.0)


def held_back(decision: Decision, *, alive: bool) -> Decision:
    """The decision about a superseded version, which is never written again once it has expired."""
    action, reason = decision.action, f"superseded: {decision.reason}"
    if action == "write":
        action = "refresh" if alive else "rest"
    if decision.sends and not alive:
        reason = "superseded, and lapsed: only its own requests write it"
    return Decision(action, decision.next_check, decision.ttl, reason)


class OldVersions:
    """The known versions; thread-safe."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._current: dict[str, tuple[str, Entry]] = {}
        self._used: dict[str, dict[str, float]] = {}

    def replaced_by(self, key: str, entry: Entry) -> None:
        """Note that this version supersedes the prefix's other versions."""
        self._current[shared_key(key)] = (key, entry)

    def entry(self, state: State, now: float) -> tuple[Entry | None, str]:
        """The manifest entry for an older version, or None and the reason it is dropped."""
        current = self._current.get(shared_key(state.key))
        if current is None:
            return None, "no longer in the manifest"
        key, entry = current
        if reason := self._refusal(state, key, now):
            return None, f"superseded, and {reason}"
        return replace(entry, object=state.deployment.object, superseded=True), ""

    def _refusal(self, state: State, current: str, now: float) -> str:
        if not state.deployment.object:
            return "its file is unknown"
        if _model_of(state.key) != _model_of(current) and _signed(state.key):
            return "it has another model: the function's role may call only the deployed one"
        if now - used_at(state) > SILENT_SECONDS:
            return f"not used for {SILENT_SECONDS / 3600:.0f} hours"
        return "" if self._among_the_last(state) else f"{MOST_VERSIONS} others were used since"

    def _among_the_last(self, state: State) -> bool:
        with self._lock:
            used = self._used.setdefault(shared_key(state.key), {})
            used[state.key] = used_at(state)
            if len(used) > MOST_VERSIONS:
                del used[min(used, key=lambda key: used[key])]
            return state.key in used


def _model_of(key: str) -> str:
    return "/".join(key.split("/")[_PARTS:-1])


def _signed(key: str) -> bool:
    return bool(route_named(key.split("/")[1]).signing_service)
