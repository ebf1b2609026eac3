"""Describes a warm state in words and as JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.keepwarm.route_breaker import route_key
from prefixwarm.usage.hit_rate import hit_rate
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.state.store import StateStore
    from prefixwarm.state.warm_state import State


_RECENT = 86400.0
_SECONDS = 30.0


def condition(state: State, now: float) -> str:
    """``warm``, ``warming``, ``backing off``, ``cold`` or ``never warmed``."""
    if state.warm_for(now) > 0:
        return "warm"
    if state.leased(now):
        return "warming"
    if (state.backoff.until or 0.0) > now:
        return "backing off"
    return "cold" if state.life.warm_until else "never warmed"


def use(state: State, now: float) -> str:
    """Whether observed requests use the prefix.

    ``not observed``, ``read`` or ``not read`` (by the first request of a session), or ``not what is
    sent``.
    """
    if not is_observed(state):
        return "not observed"
    if drift(state, now) and not matched_since(state):
        return "not what is sent"
    return "read" if state.traffic.start_hits else "not read"


def is_observed(state: State) -> bool:
    """Whether any request was observed."""
    return bool(state.observed.requests or state.traffic.starts or state.traffic.drift_at)


def hit_rate_of(state: State) -> float | None:
    """The hit rate of a prefix's observed requests, by tokens."""
    return hit_rate(state.observed.read, state.observed.written, state.observed.uncached)


def percent(rate: float | None) -> str:
    """A share in words; ``-`` where nothing was observed."""
    return "-" if rate is None else f"{rate:.0%}"


def drift(state: State, now: float) -> str:
    """Where a request of the last day differed from what is warmed; empty where none did."""
    if state.traffic.drift_at is None or now - state.traffic.drift_at > _RECENT:
        return ""
    return state.traffic.drift_place or state.traffic.drift_tier


def matched_since(state: State) -> bool:
    """Whether a later request than the last drifted one was what is warmed."""
    return (state.traffic.matched_at or 0.0) > (state.traffic.drift_at or 0.0)


def net_usd(state: State) -> float | None:
    """Saved less spent, in US dollars; None while some of the spending is unknown."""
    return None if state.money.unpriced else state.money.saved_usd - state.money.spent_usd


def document(state: State, now: float) -> dict[str, Any]:
    """The state's stable JSON keys; times are epoch seconds."""
    _, route, region, scope, _, entry = state.key.split("/", 5)
    model, _, fingerprint = entry.rpartition("/")
    return {
        "key": state.key,
        **state.attributes(internal=False),
        "condition": condition(state, now),
        "use": use(state, now),
        "net_usd": net_usd(state),
        "hit_rate": hit_rate_of(state),
        "start_hit_rate": state.traffic.start_hits / state.traffic.starts
        if state.traffic.starts
        else None,
        "route": route,
        "region": None if region == "-" else region,
        "scope": scope,
        "model": model,
        "fingerprint": fingerprint,
        "warm_for_seconds": round(state.warm_for(now)),
    }


def pauses(store: StateStore, states: Sequence[State], now: float) -> list[dict[str, Any]]:
    """Routes of these states on which nothing is sent now, and why; raises StateError."""
    places = {tuple(state.key.split("/")[1:4]) for state in states}
    paused_routes = []
    for route, region, scope in sorted(places):
        key = route_key(route, "" if region == "-" else region, scope)
        pause = store.read_pause(key, Deadline.after(_SECONDS))
        if pause.until > now:
            paused_routes.append({"route": route, "until": pause.until, "reason": pause.reason})
    return paused_routes


def paused(pause: Mapping[str, Any], now: float) -> str:
    """A pause in words."""
    remaining = span(pause["until"] - now)
    return f"route {pause['route']} is paused for another {remaining}: {pause['reason']}"


def ago(at: float | None, now: float) -> str:
    """How long ago, in words."""
    return "never" if at is None else f"{span(now - at)} ago"


def read(state: State) -> str:
    """How many observed session starts read the warm entry; ``-`` where none was observed."""
    return f"{state.traffic.start_hits} of {state.traffic.starts}" if state.traffic.starts else "-"


def until(at: float | None, now: float) -> str:
    """How long until then, in words."""
    if at is None:
        return "not planned"
    return "now" if at <= now else f"in {span(at - now)}"


def span(seconds: float) -> str:
    """Some seconds in the unit that fits."""
    for size, unit in ((86400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"
