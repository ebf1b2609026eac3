"""Compares the library with the small ones that people find for the same needs.

Measures import time, calls and tokens that a warm call bills, the hit rate that is seen of
synchronous, asynchronous and streaming clients, and keys: equal where the provider's entry is
another one, or different where it is the same. The provider is the simulator, whose usage is the
truth. Usage, with the others in a folder of their own so that they change nothing else:

    pip install --target /tmp/others cachebench==0.1.0 llm-message-hash-py==0.1.0 \\
        agentidemp-py==0.1.0 lambda-warmer-py==0.6.0
    python benchmarks/small_libraries.py /tmp/others
"""

from __future__ import annotations

import asyncio
import copy
import json
import resource
import subprocess
import sys
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import anthropic

from prefixwarm import CacheStats, Prefix, Warmer, prefix_key
from prefixwarm.simulator import running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.simulator import Simulator

MODEL = "claude-sonnet-5-5"
TEXT = "You answer questions of the customers of a shop for lamps. " * 150
MARK = {"type": "ephemeral"}
TOOL = {
    "name": "find_order",
    "description": "Finds an order by its number.",
    "input_schema": {"type": "object", "properties": {"number": {"type": "string"}}},
}
OTHER = {**TOOL, "name": "find_lamp"}
ASK = [{"role": "user", "content": "Where is my order?"}]
BASE: dict[str, Any] = {
    "model": MODEL,
    "max_tokens": 64,
    "tools": [TOOL, OTHER],
    "system": [{"type": "text", "text": TEXT, "cache_control": MARK}],
    "messages": ASK,
}
IMPORTS = {
    "prefixwarm: Prefix, Warmer": "from prefixwarm import Prefix, Warmer",
    "prefixwarm: CacheStats": "from prefixwarm import CacheStats",
    "prefixwarm: CostGate": "from prefixwarm import CostGate",
    "prefixwarm: prefix_key": "from prefixwarm import prefix_key",
    "cachebench": "import cachebench",
    "llm-message-hash-py": "import llm_message_hash",
    "agentidemp-py": "import agentidemp",
    "lambda-warmer-py": "import lambdawarmer",
}
_RUNS = 9
_TOGETHER = 50


def main() -> None:
    """Print one JSON object."""
    others = sys.argv[1]
    sys.path.append(others)
    with running(clock="manual") as sim:
        report = {
            "import_cpu_ms": imports(others),
            "warm": warm_calls(sim),
            "seen": clients(sim),
            "keys": keys(sim),
        }
    print(json.dumps(report, indent=2))


def imports(others: str) -> dict[str, float]:
    """Milliseconds of CPU above bare Python, the least of some runs."""
    bare = least("pass", others)
    return {name: round(least(code, others) - bare, 1) for name, code in IMPORTS.items()}


def least(code: str, others: str) -> float:
    """The least CPU of some processes, in milliseconds."""
    code = f"import sys; sys.path.append({others!r}); {code}"
    took = []
    for _ in range(_RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        took.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return 1000 * min(took)


@contextmanager
def client(sim: Simulator) -> Iterator[anthropic.Anthropic]:
    """A client of a provider that remembers nothing yet."""
    sim.reset()
    with anthropic.Anthropic(api_key="k", base_url=sim.url, max_retries=0) as one:
        yield one


def warm_calls(sim: Simulator) -> dict[str, Any]:
    """What one warm call bills, and what fifty that come together do."""
    import cachebench

    prefix = Prefix("support", model=MODEL, system=TEXT, tools=[TOOL, OTHER])
    quiet = {"on_miss_alert": lambda _metrics: None}
    policy = cachebench.CachePolicy.miss_aware(delay_ms=0)

    def ours(one: anthropic.Anthropic) -> Callable[[], object]:
        warmer = Warmer(one, [prefix])
        return lambda: warmer.warm("support")

    def by_hand(one: anthropic.Anthropic) -> Callable[[], object]:
        """prompt-cache-warmer's request, restated: eight tokens and the message ``ok``."""
        body = {**BASE, "max_tokens": 8, "messages": [{"role": "user", "content": "ok"}]}
        return lambda: one.messages.create(**body)

    def retried(one: anthropic.Anthropic) -> Callable[[], object]:
        """cachebench warms nothing; its policy sends a request that missed once more."""
        create = cachebench.CacheTracker(policy=policy, **quiet).wrap(one.messages.create)
        return lambda: create(**BASE)

    ways = {"prefixwarm": ours, "by hand, 8 tokens": by_hand, "cachebench, miss_aware": retried}
    report = {}
    for name, way in ways.items():
        with client(sim) as one:
            way(one)()
            alone = billed(sim)
        with client(sim) as one:
            together(way(one))
            report[name] = {"one": alone, f"{_TOGETHER} together": billed(sim)}
    return report


def together(call: Callable[[], object]) -> None:
    """Call from many threads at once."""
    barrier = threading.Barrier(_TOGETHER)

    def run() -> None:
        barrier.wait()
        call()

    threads = [threading.Thread(target=run) for _ in range(_TOGETHER)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def billed(sim: Simulator) -> dict[str, Any]:
    """Requests, tokens and dollars since the last reset."""
    total = sim.ledger()["total"]
    return {
        "calls": total["requests"],
        "written": total["write_5m"] + total["write_1h"],
        "output": total["output"],
        "usd": round(float(total["cost_usd"]), 5),
    }


def clients(sim: Simulator) -> dict[str, Any]:
    """Of the requests of each kind of client how many are seen, and what hit rate."""
    import cachebench

    report: dict[str, Any] = {}
    for name, send in KINDS.items():
        sim.reset()
        stats = CacheStats(opentelemetry=False)
        asyncio.run(send(sim.url, stats.wrap, None))
        summary = stats.summary()
        ours = {"requests": summary.requests, "hit_rate": rounded(summary.hit_rate)}
        sim.reset()
        tracker = cachebench.CacheTracker(on_miss_alert=lambda _metrics: None)
        asyncio.run(send(sim.url, None, tracker.wrap))
        sums = tracker.aggregate()
        read = sums.get("tokens_read_from_cache", 0)
        written = sums.get("tokens_written_to_cache", 0)
        rate = read / (read + written) if read + written else None
        measured = sum(1 for call in tracker.calls() if call.input_tokens)
        report[name] = {
            "sent": 10,
            "prefixwarm": ours,
            "cachebench": {"requests": measured, "hit_rate": rounded(rate)},
        }
    return report


def rounded(rate: float | None) -> float | None:
    """A rate to three digits."""
    return None if rate is None else round(rate, 3)


async def synchronous(url: str, of_client: Any, of_method: Any) -> None:
    """Whole replies."""
    with anthropic.Anthropic(api_key="k", base_url=url) as one:
        create = of_method(one.messages.create) if of_method else of_client(one).messages.create
        for _ in range(10):
            create(**BASE)


async def streaming(url: str, of_client: Any, of_method: Any) -> None:
    """Streams that are read to their end."""
    with anthropic.Anthropic(api_key="k", base_url=url) as one:
        create = of_method(one.messages.create) if of_method else of_client(one).messages.create
        for _ in range(10):
            for _event in create(**BASE, stream=True):
                pass


async def asynchronous(url: str, of_client: Any, of_method: Any) -> None:
    """The asynchronous client."""
    async with anthropic.AsyncAnthropic(api_key="k", base_url=url) as one:
        create = of_method(one.messages.create) if of_method else of_client(one).messages.create
        for _ in range(10):
            await create(**BASE)


async def asynchronous_streaming(url: str, of_client: Any, of_method: Any) -> None:
    """Its streams."""
    async with anthropic.AsyncAnthropic(api_key="k", base_url=url) as one:
        create = of_method(one.messages.create) if of_method else of_client(one).messages.create
        for _ in range(10):
            async for _event in await create(**BASE, stream=True):
                pass


KINDS = {
    "sync": synchronous,
    "sync, streaming": streaming,
    "async": asynchronous,
    "async, streaming": asynchronous_streaming,
}


def changed(**fields: Any) -> dict[str, Any]:
    """The base request with some fields changed."""
    return {**copy.deepcopy(BASE), **fields}


def system(text: str, **marker: Any) -> list[dict[str, Any]]:
    """A system prompt of one marked block."""
    return [{"type": "text", "text": text, "cache_control": {**MARK, **marker}}]


VARIANTS = {
    "another question": changed(messages=[{"role": "user", "content": "Hello"}]),
    "a longer conversation": changed(
        messages=[*ASK, {"role": "assistant", "content": "It left."}, *ASK]
    ),
    "the default TTL written out": changed(system=system(TEXT, ttl="5m")),
    "an explicit default effort": changed(output_config={"effort": "high"}),
    "metadata": changed(metadata={"user_id": "u1"}),
    "more output": changed(max_tokens=512),
    "a stop sequence": changed(stop_sequences=["END"]),
    "a tool choice": changed(tool_choice={"type": "any"}),
    "a second breakpoint": changed(tools=[TOOL, {**OTHER, "cache_control": MARK}]),
    "a deferred tool": changed(tools=[TOOL, OTHER, {**TOOL, "name": "x", "defer_loading": True}]),
    "white space": changed(system=system(TEXT + " ")),
    "order of tools": changed(tools=[OTHER, TOOL]),
    "order of keys in a tool": changed(tools=[dict(reversed(TOOL.items())), OTHER]),
    "order of keys in a schema": changed(
        tools=[{**TOOL, "input_schema": dict(reversed(TOOL["input_schema"].items()))}, OTHER]  # type: ignore[attr-defined]
    ),
    "one tool less": changed(tools=[TOOL]),
    "thinking": changed(thinking={"type": "adaptive"}),
    "low effort": changed(output_config={"effort": "low"}),
    "another model": changed(model="claude-opus-5-5"),
}


def keys(sim: Simulator) -> dict[str, Any]:
    """Which pairs each key takes for equal that are not, and for different that are equal."""
    import agentidemp
    import cachebench
    import llm_message_hash

    names = ("messages", "system", "tools", "model")
    ways: dict[str, Callable[[dict[str, Any]], str]] = {
        "prefixwarm.prefix_key": prefix_key,
        "cachebench.fingerprint": lambda body: cachebench.fingerprint(
            **{name: body.get(name) for name in names}
        ),
        "llm_message_hash.hash_request": lambda body: llm_message_hash.hash_request(
            body, llm_message_hash.HashOpts.for_anthropic()
        ),
        "agentidemp.sha256_hex": lambda body: agentidemp.sha256_hex(json.dumps(body)),
    }
    truth = {name: reads(sim, body) for name, body in VARIANTS.items()}
    report: dict[str, Any] = {"pairs": len(truth), "the same entry": sum(truth.values())}
    for name, key in ways.items():
        equal = {variant: key(body) == key(BASE) for variant, body in VARIANTS.items()}
        report[name] = {
            "false equals": [v for v in truth if equal[v] and not truth[v]],
            "false differences": [v for v in truth if truth[v] and not equal[v]],
        }
    return report


def reads(sim: Simulator, body: dict[str, Any]) -> bool:
    """Whether a request reads all that the base request wrote."""
    with client(sim) as one:
        written = one.messages.create(**BASE).usage.cache_creation_input_tokens
        return one.messages.create(**body).usage.cache_read_input_tokens == written


if __name__ == "__main__":
    main()
