"""Measures one tick of the keep-warm function with many prefixes: time and cost.

    python benchmarks/keepwarm.py --known 10000 --due 2000
    python benchmarks/keepwarm.py --known 10000 --due 2000 --workers 4

With workers, what is beyond one tick goes through the local API's queue to that many threads here,
each of which does what Lambda's event source and a worker's invocation do.
The provider is the simulator with its real clock and latency, the table a local DynamoDB-compatible
server; both run as processes of their own beside the tick.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from prefixwarm.keepwarm.batch import Batch
from prefixwarm.keepwarm.call_maker import CallMaker
from prefixwarm.keepwarm.logs import logger
from prefixwarm.keepwarm.runtime import Runtime
from prefixwarm.keepwarm.tick_report import TickReport
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.prefix_file import PrefixFile, build, dumps
from prefixwarm.simulator import running
from prefixwarm.state.keepwarm_model import Check
from prefixwarm.warm.acquire import without_lease
from prefixwarm.wire.deadline import Deadline
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

PRICES = {"input": 2.0, "read": 0.1, "write_5m": 2.5, "write_1h": 4.0, "output": 10.0}
BUSY_SECONDS = 85.0
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


def age(runtime: Runtime, file: PrefixFile) -> None:
    """Warm at the provider; written 58 minutes ago as far as the state knows."""
    call, soon = compile_prefix(file), Deadline.after(60)
    assert without_lease(call, soon).send(runtime.dependencies.provider).ok
    runtime.dependencies.store.record_use(key_of(runtime, file), time.time() - 58 * 60, 3600, soon)
    check_at(runtime, file, 0.0)


def key_of(runtime: Runtime, file: PrefixFile) -> str:
    """The key of a prefix's state."""
    return compile_prefix(file).key("default", runtime.dependencies.environ)


def check_at(runtime: Runtime, file: PrefixFile, at: float) -> None:
    """Set when the prefix is checked next."""
    check = Check(at=at, due_at=at, reason="")
    runtime.dependencies.store.record_check(key_of(runtime, file), check, Deadline.after(60))


def measure(runtime: Runtime) -> dict[str, Any]:
    """One tick."""
    began, cpu = time.monotonic(), time.process_time()
    report = TickReport()
    runtime.tick(Deadline.after(300), report)
    return {
        **({"queued": report.queued} if report.queued else {}),
        "due": report.due,
        "outcomes": report.summary()["outcomes"],
        "seconds": round(time.monotonic() - began, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2),
        "late": sum(1 for outcome in report.outcomes if "late" in outcome.reason),
    }


def work(runtime: Runtime, aws: LocalAws, until: float) -> Counter[str]:
    """Run one worker, batch by batch; return the number of calls by outcome."""
    sqs, counts = aws.client("sqs"), Counter[str]()
    at = {"QueueUrl": runtime.settings.queue}
    while time.monotonic() < until:
        messages = sqs.receive_message(**at, MaxNumberOfMessages=10).get("Messages", [])
        if not messages:
            time.sleep(0.2)
            continue
        with ThreadPoolExecutor(10) as pool:
            report, batch_ends = TickReport(), Deadline.after(35)
            own, catalog = runtime.dependencies, runtime.catalog()
            calls = CallMaker(own, catalog, pool, batch_ends, report)
            batch = Batch(own, calls, batch_ends, report)
            list(pool.map(batch.work, [message["Body"] for message in messages]))
            calls.close()
        entries = [{"Id": m["MessageId"], "ReceiptHandle": m["ReceiptHandle"]} for m in messages]
        sqs.delete_message_batch(**at, Entries=entries)
        counts.update(outcome.kind for outcome in report.outcomes)
        counts["dropped"] += report.dropped
        counts["last"] = round(time.monotonic() - (until - BUSY_SECONDS))
    return counts


def fan_out(
    runtime: Runtime, environ: dict[str, str], aws: LocalAws, workers: int
) -> dict[str, Any]:
    """The busy tick, with workers beside it."""
    others = [Runtime(environ) for _ in range(workers)]
    for other in others:
        other.catalog().learn_keys()
    until = time.monotonic() + BUSY_SECONDS
    with ThreadPoolExecutor(workers) as pool:
        working = [pool.submit(work, other, aws, until) for other in others]
        tick = measure(runtime)
        done = [future.result() for future in working]
    for other in others:
        other.close()
    last = max(counts.pop("last", 0) for counts in done)
    return {"tick": tick, "workers": dict(sum(done, Counter())), "last_call_after_seconds": last}


def main() -> None:
    """Set up, tick three times, print what each took."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--known", type=int, default=10_000)
    parser.add_argument("--due", type=int, default=2_000)
    parser.add_argument("--workers", type=int, default=0, help="0: the tick does all itself")
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
        if arguments.workers:
            queue = aws.client("sqs").create_queue(QueueName="work")
            environ["PREFIXWARM_QUEUE"] = queue["QueueUrl"]
        os.environ.update(environ)
        logger.setLevel("ERROR")
        files = list(pool.map(prefix, range(arguments.known)))
        deploy(aws, files, arguments.due, pool)
        runtime = Runtime(environ)
        later = time.time() + 7200
        list(pool.map(lambda file: check_at(runtime, file, later), files))
        print("first tick, registers:", measure(runtime))
        list(pool.map(lambda file: age(runtime, file), files[: arguments.due]))
        if arguments.workers:
            print("busy minute:          ", fan_out(runtime, environ, aws, arguments.workers))
        else:
            print("busy tick:            ", measure(runtime))
        print("quiet tick:           ", measure(runtime))
        runtime.close()
    over.set()
    provider.join()


if __name__ == "__main__":
    main()
