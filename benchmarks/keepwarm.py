"""One tick of the keep-warm function with many prefixes: how long it takes, and what it costs.

    python benchmarks/keepwarm.py --known 10000 --due 2000

The provider is the simulator with its real clock and latency, the table a local DynamoDB-compatible
server; both run as processes of their own beside the tick.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from prefixwarm.core.deadline import Deadline
from prefixwarm.core.prefix_file import PrefixFile, build, dumps
from prefixwarm.core.routes import route_named
from prefixwarm.core.state import Check
from prefixwarm.core.warm import send_unasked
from prefixwarm.core.warm_call import compile_prefix
from prefixwarm.core.warm_request import derive
from prefixwarm.demo.local_aws import LocalAws
from prefixwarm.keepwarm.keeper import Keeper
from prefixwarm.simulator import running

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

PRICES = {"input": 2.0, "read": 0.1, "write_5m": 2.5, "write_1h": 4.0, "output": 10.0}
TABLE = {
    "TableName": "state",
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}],
    "AttributeDefinitions": [
        {"AttributeName": name, "AttributeType": kind}
        for name, kind in (("pk", "S"), ("due_shard", "S"), ("due_at", "N"))
    ],
    "GlobalSecondaryIndexes": [
        {
            "IndexName": "due",
            "KeySchema": [
                {"AttributeName": "due_shard", "KeyType": "HASH"},
                {"AttributeName": "due_at", "KeyType": "RANGE"},
            ],
            "Projection": {"ProjectionType": "ALL"},
        }
    ],
    "BillingMode": "PAY_PER_REQUEST",
}


def prefix(number: int) -> PrefixFile:
    """One of many agents: 2,700 tokens."""
    text = f"You are agent {number}. " + "Answer the customer's question about the order. " * 220
    marker = {"type": "ephemeral", "ttl": "1h"}
    request = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 16,
        "system": [{"type": "text", "text": text, "cache_control": marker}],
        "messages": [{"role": "user", "content": "Hello"}],
    }
    prices = {"as_of": "2026-11-21", "source": "benchmark", "usd_per_mtok": PRICES}
    headers = {"anthropic-version": "2026-10-21"}
    return build(f"agent-{number}", derive(request), headers=headers, prices=prices)


def entry(file: PrefixFile) -> dict[str, Any]:
    """As the construct writes it."""
    return {
        "name": file.name,
        "object": f"{file.name}.json",
        "route": file.route,
        "model": file.model,
        "fingerprint": file.fingerprint["prefix"],
        "functions": [f"{file.name}-function"],
    }


def serve(ready: Any, over: Event) -> None:
    """The provider, in a process of its own."""
    with running(clock="real") as sim:
        ready.send(sim.url)
        over.wait()


def deploy(aws: LocalAws, files: list[PrefixFile], due: int, pool: ThreadPoolExecutor) -> None:
    """Table, manifest, and the files that will be needed."""
    aws.client("dynamodb").create_table(**TABLE)
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="assets")
    manifest = {
        "format": "prefixwarm-manifest/1",
        "prefixes": [entry(file) for file in files],
        "policy": "ski",
        "latency_value": 0,
        "budget_usd_per_day": None,
        "calls_per_minute": max(due, 1),
    }
    s3.put_object(Bucket="assets", Key="manifest.json", Body=json.dumps(manifest).encode())

    def put(file: PrefixFile) -> None:
        s3.put_object(Bucket="assets", Key=f"{file.name}.json", Body=dumps(file).encode())

    list(pool.map(put, files[:due]))


def age(keeper: Keeper, file: PrefixFile) -> None:
    """Warm at the provider; written 57 minutes ago as far as the state knows."""
    call, soon = compile_prefix(file), Deadline.after(60)
    assert send_unasked(call, keeper.parts.provider, soon).ok
    keeper.parts.store.touch(key_of(keeper, file), time.time() - 57 * 60, 3600, soon)
    check_at(keeper, file, 0.0)


def key_of(keeper: Keeper, file: PrefixFile) -> str:
    """The key of a prefix's state."""
    return compile_prefix(file).key(route_named(file.route), "default", keeper.parts.environ)


def check_at(keeper: Keeper, file: PrefixFile, at: float) -> None:
    """Have the prefix looked at then."""
    check = Check(at=at, due_at=at, reason="")
    keeper.parts.store.plan(key_of(keeper, file), check, Deadline.after(60))


def measure(keeper: Keeper) -> dict[str, Any]:
    """One tick."""
    began, cpu = time.monotonic(), time.process_time()
    report = keeper.tick(Deadline.after(300))
    return {
        "due": report.due,
        "outcomes": report.summary()["outcomes"],
        "seconds": round(time.monotonic() - began, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "late": sum(1 for outcome in report.outcomes if "late" in outcome.reason),
        "state_error": report.state_error,
    }


def main() -> None:
    """Set up, tick three times, print what each took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--known", type=int, default=10_000)
    parser.add_argument("--due", type=int, default=2_000)
    arguments = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    url, ready = context.Pipe(duplex=False)
    over = context.Event()
    provider = context.Process(target=serve, args=(ready, over), daemon=True)
    provider.start()
    with LocalAws() as aws, ThreadPoolExecutor(48) as pool:
        environ = aws.environment() | {
            "ANTHROPIC_BASE_URL": url.recv(),
            "ANTHROPIC_API_KEY": "key",
            "PREFIXWARM_TABLE": "state",
            "PREFIXWARM_MANIFEST": "s3://assets/manifest.json",
        }
        os.environ.update(environ)
        os.environ["POWERTOOLS_LOG_LEVEL"] = "ERROR"
        files = list(pool.map(prefix, range(arguments.known)))
        deploy(aws, files, arguments.due, pool)
        keeper = Keeper(environ)
        later = time.time() + 7200
        list(pool.map(lambda file: check_at(keeper, file, later), files))
        print("first tick, registers:", measure(keeper))
        list(pool.map(lambda file: age(keeper, file), files[: arguments.due]))
        print("busy tick:            ", measure(keeper))
        print("quiet tick:           ", measure(keeper))
        keeper.close()
    over.set()
    provider.join()


if __name__ == "__main__":
    main()
