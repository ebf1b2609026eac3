"""One process of a fleet of protocol clients: many threads that all want the same prefixes.

Started with the environment of an extension and ``fleet_worker.py CLIENTS SECONDS WARM_FILE...``;
prints ``ready``, waits for a line on standard input, lets the clients arrive at random within so
many seconds, and prints the outcomes as JSON.
"""

from __future__ import annotations

import json
import os
import random
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.errors import StateError
from prefixwarm.prefix.compiled import WarmCall
from prefixwarm.warm.acquire import acquire_in_turn
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.warm.connections import connect
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from prefixwarm.provider.client import Provider
    from prefixwarm.state.warm_store import WarmStore

HOLD_SECONDS = 9.0
# Seconds after which the table will never answer, on the busiest machine.
PATIENCE = 120.0


def warm(call: WarmCall, options: CallOptions, store: WarmStore, provider: Provider) -> str:
    """The outcome's kind; where the table was too busy to answer, nothing was sent: once more."""
    patience = Deadline.after(PATIENCE)
    while not patience.expired:
        wait, ends = Deadline.after(HOLD_SECONDS), Deadline.after(PATIENCE)
        try:
            attempt = acquire_in_turn(call, options, store, ends, wait=wait)
        except StateError:
            continue
        if attempt.granted:
            attempt.send(provider)
            attempt.record()
        return attempt.outcome.kind
    return "unreachable"


def client(number: int, within: float, calls: list[WarmCall], outcomes: list[str]) -> None:
    """One environment's starts, with connections of its own."""
    time.sleep(random.uniform(0.0, within))
    environ = os.environ
    connections = connect(environ)
    store = connections.store
    assert store is not None
    for call in calls:
        options = CallOptions(
            key=call.key(environ["PREFIXWARM_CACHE_SCOPE"], environ),
            owner=f"{os.getpid()}-{number}",
            needed_until=time.time() + 30,
            idle_refreshes=0,
        )
        outcomes.append(warm(call, options, store, connections.provider))


def main() -> None:
    """Start the threads, and release them together."""
    files = [Path(name) for name in sys.argv[3:]]
    within = float(sys.argv[2])
    calls = [WarmCall.from_bytes(file.read_bytes(), file.name) for file in files]
    outcomes: list[str] = []
    threads = [
        threading.Thread(target=client, args=(number, within, calls, outcomes))
        for number in range(int(sys.argv[1]))
    ]
    print("ready", flush=True)
    sys.stdin.readline()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps(outcomes), flush=True)


if __name__ == "__main__":
    main()
