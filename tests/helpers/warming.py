"""One warm call in one line, for tests that are not about its steps."""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING

from prefixwarm.warm.acquire import acquire_in_turn
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.provider.client import Provider
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.store import StateStore
    from prefixwarm.warm.attempt import CallOptions


def warm(
    call: WarmCall,
    options: CallOptions,
    store: StateStore,
    provider: Provider,
    deadline: Deadline,
    clock: Callable[[], float] = time,
    wait: Deadline | None = None,
) -> Outcome:
    """Acquire, send, record; waits for somebody else's call until `wait`."""
    wait = wait or Deadline.after(-1)
    attempt = acquire_in_turn(call, options, store, deadline, clock, wait=wait)
    if attempt.granted:
        attempt.send(provider)
        attempt.record()
    return attempt.outcome
