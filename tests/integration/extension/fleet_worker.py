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

from prefixwarm.errors import StateError
from prefixwarm.prefix.compiled import WarmCall
from prefixwarm.warm.acquire import acquire_in_turn
from prefixwarm.warm.attempt import CallOptions
from prefixwarm.warm.connections import connect
from prefixwarm.wire.deadline import Deadline

HOLD_SECONDS = 9.0


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
        try:
            wait, ends = Deadline.after(HOLD_SECONDS), Deadline.after(20 + HOLD_SECONDS)
            attempt = acquire_in_turn(call, options, store, ends, wait=wait)
            if attempt.granted:
                attempt.send(connections.provider)
                attempt.record()
            outcomes.append(attempt.outcome.kind)
        except StateError:
            outcomes.append("unreachable")


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
