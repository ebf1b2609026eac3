"""What observing costs a request: 21,000 tokens of tools and system, new objects each time."""

from __future__ import annotations

import copy
import json
import statistics
from time import perf_counter
from typing import Any

from prefixwarm.capture import make_prefix
from prefixwarm.observe import Observer

ROUNDS = 2000
READ = {"input_tokens": 5, "cache_read_input_tokens": 21_000, "output_tokens": 7}


def request(question: str) -> dict[str, Any]:
    """A request with forty tools and a long system prompt."""
    schema = {
        "type": "object",
        "properties": {
            f"field_{i}": {"type": "string", "description": f"The field number {i}. " * 4}
            for i in range(10)
        },
    }
    tools = [
        {"name": f"tool_{i}", "description": "Does a thing. " * 20, "input_schema": schema}
        for i in range(40)
    ]
    return {
        "model": "claude-sonnet-5-5",
        "max_tokens": 100,
        "tools": tools,
        "system": "You are a helper. " * 1500,
        "messages": [{"role": "user", "content": question}],
    }


def main() -> None:
    """Print the milliseconds that one request is observed for."""
    prefix = make_prefix("bench", request("?"))
    observer = Observer([prefix], emit=lambda _line: None)
    bodies = [copy.deepcopy(request(str(i))) for i in range(20)]
    took = []
    for i in range(ROUNDS):
        started = perf_counter()
        sent = observer.begin(bodies[i % 20], {})
        assert sent is not None
        assert sent.match.drift is None
        observer.end(sent, READ)
        took.append((perf_counter() - started) * 1000)
    found = {
        "tokens": prefix.tokens["estimate"],
        "first_ms": round(took[0], 3),
        "median_ms": round(statistics.median(took), 3),
        "p99_ms": round(sorted(took)[int(ROUNDS * 0.99)], 3),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
