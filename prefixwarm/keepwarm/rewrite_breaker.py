"""The circuit breaker: stops refreshes after two in a row wrote instead of reading."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.state.outcome import PARTIAL, REFRESHED, WRITTEN

if TYPE_CHECKING:
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.warm_state import State


MOST_REWRITES = 2
TRIPPED_SECONDS = 86400.0

_NAME = "circuit breaker"


def rewrote(action: str, outcome: Outcome) -> bool:
    """Whether a refresh of an entry that should have been alive wrote it again."""
    return action == "refresh" and outcome.kind in (WRITTEN, PARTIAL)


def count(state: State, action: str, outcome: Outcome) -> int:
    """The number of consecutive rewrites after this outcome; only a read resets it."""
    if outcome.kind == REFRESHED:
        return 0
    return state.backoff.rewrites + rewrote(action, outcome)


def cause(outcome: Outcome) -> str:
    """The likely cause of a rewrite."""
    if outcome.downgraded:
        return f"downgrade: {outcome.reason}"
    if outcome.kind == PARTIAL:
        return "drift: only a part of the prefix was still cached"
    return (
        "the entry was gone before its time: another workspace's key, a model alias that moved, "
        "or an eviction"
    )


def sentence(rewrites: int, outcome: Outcome | None = None) -> str:
    """Why refreshes have stopped, with the likely cause if the last outcome is known."""
    likely = f" (likely cause: {cause(outcome)})" if outcome else ""
    return (
        f"{_NAME}: {rewrites} refreshes in a row wrote instead of reading{likely}; "
        "one more is tried a day later"
    )


def held(state: State, now: float, by: str) -> tuple[float, str] | None:
    """Until when a back-off or the breaker holds a prefix back from this caller, and why."""
    if state.held_back(now, by):
        return state.backoff.until or now, state.last_decision.reason
    if reason := refusal(state, now):
        return state.backoff.tripped_until or now, reason
    return None


def refusal(state: State, now: float) -> str:
    """Why the breaker stops calls for this prefix, or ""."""
    if (state.backoff.tripped_until or 0.0) <= now:
        return ""
    return (
        state.last_decision.reason
        if state.last_decision.reason.startswith(_NAME)
        else sentence(state.backoff.rewrites)
    )
