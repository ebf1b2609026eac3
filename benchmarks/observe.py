"""What observing costs a request: 23,000 tokens of tools and system, new objects each time.

CPU time of the calling thread, so that other programs do not count.
"""

from __future__ import annotations

import copy
import json
import statistics
from time import thread_time
from typing import TYPE_CHECKING, Any

from prefixwarm.capture.warm_file import file_of
from prefixwarm.observe import Observer
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.prefix.prefix_file import PrefixFile

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


def router(_question: str) -> dict[str, Any]:
    """A request of something else, with the same model."""
    return {**request(""), "tools": [], "system": "Answer with one word: billing or parcels."}


def dated(question: str) -> dict[str, Any]:
    """The agent's request with a prompt that is another one each time."""
    body = request(question)
    return {**body, "system": f"It is second {question}. {body['system']}"}


def measure(*traffic: Callable[[str], dict[str, Any]], rounds: int) -> dict[str, float]:
    """Milliseconds that one request is observed for."""
    observer = Observer([_prefix()], emit=lambda _line: None)
    took = []
    for i in range(rounds):
        body = copy.deepcopy(traffic[i % len(traffic)](str(i)))
        started = thread_time()
        sent = observer.begin(body, {})
        assert sent is not None
        observer.end(sent, READ)
        took.append((thread_time() - started) * 1000)
    return {
        "first_ms": round(took[0], 3),
        "median_ms": round(statistics.median(took), 3),
        "p99_ms": round(sorted(took)[int(rounds * 0.99)], 3),
    }


def _prefix() -> PrefixFile:
    return file_of("bench", derive(request("?")), "anthropic", {})


def main() -> None:
    """Print what each kind of traffic costs."""
    figures = {
        "tokens": _prefix().tokens["estimate"],
        "unchanged": measure(request, rounds=ROUNDS),
        "with_a_router_in_turn": measure(request, router, rounds=ROUNDS),
        "changed_each_time": measure(dated, rounds=ROUNDS // 10),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
