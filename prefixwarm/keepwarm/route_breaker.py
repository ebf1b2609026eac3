"""Pauses a whole route when one call's error affects all others.

A rate limit, a spend limit, an unreachable provider or a missing key affects every prefix on the
route. The pause is stored in the table, so that later ticks respect it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from prefixwarm.errors import StateItemError
from prefixwarm.provider.routes import route_named
from prefixwarm.state.keepwarm_model import RoutePause
from prefixwarm.warm.error_classification import ROUTE

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.state.store import StateStore
    from prefixwarm.warm.error_classification import Classification
    from prefixwarm.wire.deadline import Deadline


# Until the next tick, which sends a probe before other calls.
BRIEF = 45.0
LONGEST = 3600.0

_NO_PAUSE = RoutePause(until=0.0, reason="")


def route_key(route: str, region: str, scope: str) -> str:
    """The key of the item with a route's pause: `backoff_until` and `reason`."""
    return "/".join(("route", route, region or "-", scope))


def pause_after(classification: Classification) -> float:
    """How many seconds an error stops its whole route; 0 if it affects one prefix alone."""
    if classification.scope != ROUTE:
        return 0.0
    return min(max(classification.pause or BRIEF, 1.0), LONGEST)


@dataclass(frozen=True)
class RouteBreaker:
    """The pauses known to one tick; thread-safe.

    Attributes
    ----------
    store : StateStore
        Stores them between ticks.
    scope : str
        The cache scope of this deployment.
    """

    store: StateStore
    scope: str
    environ: Mapping[str, str] = field(repr=False)  # may hold keys
    clock: Callable[[], float]
    _lock: Lock = field(default_factory=Lock)
    _pauses: dict[str, RoutePause] = field(default_factory=dict)
    _new: set[str] = field(default_factory=set)

    def load(self, routes: set[str], deadline: Deadline) -> None:
        """Read the pauses of these routes."""
        for route in routes:
            try:
                self._pauses[route] = self.store.read_pause(self._key(route), deadline)
            except StateItemError as error:  # noqa: PERF203 - affects one route
                # The item was meant to pause the route.
                self._pauses[route] = RoutePause(until=self.clock() + BRIEF, reason=str(error))

    def note(self, route: str, classification: Classification, reason: str) -> None:
        """Pause a route if an error of a call on it requires that."""
        seconds = pause_after(classification)
        until = self.clock() + seconds
        with self._lock:
            if seconds and until > self._pauses.get(route, _NO_PAUSE).until:
                self._pauses[route] = RoutePause(until=until, reason=reason)
                self._new.add(route)

    def pause(self, route: str) -> RoutePause | None:
        """The route's pause; None if it is not paused now."""
        with self._lock:
            pause = self._pauses.get(route, _NO_PAUSE)
        return pause if pause.until > self.clock() else None

    def paused(self) -> dict[str, str]:
        """The currently paused routes, with reasons."""
        pauses = {route: self.pause(route) for route in self._pauses}
        return {route: pause.reason for route, pause in pauses.items() if pause}

    def keep(self, deadline: Deadline) -> None:
        """Store new pauses for later ticks."""
        for route in sorted(self._new):
            self.store.pause(self._key(route), self._pauses[route], deadline)
        self._new.clear()

    def _key(self, route: str) -> str:
        return route_key(route, route_named(route).region(self.environ), self.scope)
