"""Pauses of a whole route: what one call's error says about all others.

A rate limit, a spend limit, an unreachable provider or a missing key concern every prefix of the
route. The pause is kept in the state's table, so that the following ticks respect it.
"""

from __future__ import annotations

from threading import Lock
from typing import TYPE_CHECKING

from prefixwarm.errors import (
    CredentialsError,
    PrefixwarmError,
    ProviderError,
    TransportError,
)
from prefixwarm.provider.client import Provider
from prefixwarm.provider.routes import route_named

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.provider.client import PreparedCall, Reply
    from prefixwarm.state.store import StateStore
    from prefixwarm.wire.deadline import Deadline


# Until the next tick, which tries one call before the others.
BRIEF = 45.0
AUTHENTICATION = 600.0
LONGEST = 3600.0

_DENIED = (401, 402, 403)
_PREFIX_ONLY = (400, 404, 408, 413)


def route_key(route: str, region: str, scope: str) -> str:
    """The key of the item that holds a route's pause: `backoff_until` and `reason`."""
    return "/".join(("route", route, region or "-", scope))


def pause_after(error: PrefixwarmError) -> float:
    """Seconds for which this error stops its whole route; 0 when it concerns one prefix alone."""
    if isinstance(error, (CredentialsError, TransportError)):
        return BRIEF
    if not isinstance(error, ProviderError):
        return 0.0
    if error.error_code.endswith("spend_limit_reached"):
        return LONGEST
    if error.status in _DENIED:
        return AUTHENTICATION
    if error.status in _PREFIX_ONLY:
        return 0.0
    return min(max(error.retry_after or BRIEF, 1.0), LONGEST)


class WatchedProvider(Provider):
    """A provider that tells of its errors, with the route they happened on."""

    tell: Callable[[str, PrefixwarmError], None]

    def send(self, call: PreparedCall, max_tokens: int, deadline: Deadline) -> Reply:
        """See `Provider`."""
        try:
            return super().send(call, max_tokens, deadline)
        except PrefixwarmError as error:
            self.tell(call.route, error)
            raise


class RouteBreaker:
    """The pauses that one tick knows of; safe between threads.

    Parameters
    ----------
    store
        Remembers them between ticks.
    scope
        The cache scope of this deployment.
    """

    def __init__(
        self,
        store: StateStore,
        scope: str,
        environ: Mapping[str, str],
        clock: Callable[[], float],
    ) -> None:
        self._store = store
        self._scope = scope
        self._environ = environ
        self._clock = clock
        self._lock = Lock()
        self._until: dict[str, tuple[float, str]] = {}
        self._new: set[str] = set()

    def load(self, routes: set[str], deadline: Deadline) -> None:
        """Read the pauses of these routes."""
        for route in routes:
            state = self._store.read(self._key(route), deadline)
            self._until[route] = (state.backoff_until or 0.0, state.reason)

    def note(self, route: str, error: PrefixwarmError) -> None:
        """Take an error into account."""
        seconds = pause_after(error)
        until = self._clock() + seconds
        with self._lock:
            if seconds and until > self._until.get(route, (0.0, ""))[0]:
                self._until[route] = (until, str(error))
                self._new.add(route)

    def until(self, route: str) -> tuple[float, str] | None:
        """When the route's pause ends, and why it is paused; None when it is not."""
        with self._lock:
            end, reason = self._until.get(route, (0.0, ""))
        return (end, reason) if end > self._clock() else None

    def paused(self) -> dict[str, str]:
        """Routes that are paused now, and why."""
        found = {route: self.until(route) for route in self._until}
        return {route: pause[1] for route, pause in found.items() if pause}

    def keep(self, deadline: Deadline) -> None:
        """Write the new ones down for the following ticks."""
        for route in sorted(self._new):
            end, reason = self._until[route]
            self._store.pause(self._key(route), end, reason, deadline)
        self._new.clear()

    def _key(self, route: str) -> str:
        return route_key(route, route_named(route).region(self._environ), self._scope)
