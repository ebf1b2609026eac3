"""Many environments that start together make one warm call for each prefix."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError
from extension_bench import TABLE, write_prefix

from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.prefix_file import load
from tests.helpers.effort import chosen

if TYPE_CHECKING:
    from extension_bench import Bench

    from tests.conftest import Tried

PROCESSES = chosen(dev=10, ci=10, full=100)
WORKERS, CLIENTS = chosen(dev=(2, 30), ci=(2, 30), full=(4, 250))
# What the local table answers in time on two cores, clients and provider beside it.
ARRIVALS_A_SECOND = 100
# The table and the provider stand for other machines: they go first.
YIELDING = "nice -n 10"
WORKER = Path(__file__).with_name("fleet_worker.py")


def environment(bench: Bench) -> dict[str, str]:
    """What an extension of this test sees."""
    path = os.pathsep.join(entry for entry in sys.path if entry)
    hold = {"PREFIXWARM_INIT_HOLD_MS": "9000", "PYTHONPATH": path, "PATH": os.environ["PATH"]}
    return {**bench.plain().environment(), **hold}


def compiled(folder: Path, *names: str) -> list[Path]:
    """`NAME.warm` of these prefixes."""
    files = []
    for name in names:
        file = folder / f"{name}.warm"
        file.write_bytes(compile_prefix(load(write_prefix(folder, name))).to_bytes())
        files.append(file)
    return files


def test_conditional_writes_of_the_local_table_are_atomic(bench: Bench) -> None:
    """What everything below rests on: of many writers at once, one wins, each time."""
    client = bench.dynamodb
    barrier = threading.Barrier(16)

    def put(number: int) -> int:
        won = 0
        for turn in range(5):
            barrier.wait()
            try:
                client.put_item(
                    TableName=TABLE,
                    Item={"pk": {"S": f"atomic/{bench.scope}/{turn}"}, "by": {"N": str(number)}},
                    ConditionExpression="attribute_not_exists(pk)",
                )
                won += 1
            except ClientError:
                pass
        return won

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(put, range(16))) == 5


def test_extension_processes_released_together_make_one_call(
    bench: Bench, layer: Path, tried: Tried
) -> None:
    """Real processes, behind a barrier; all but one find it written or being written."""
    reading, writing = os.pipe()
    start = layer / "prefixwarm" / "bootstrap.py"
    program = f"{YIELDING} {sys.executable} -I -S {start} 9000"
    command = f"echo ready; read -r _; exec {program} 3>/dev/null"
    folder = str(layer / "prefixwarm" / "prefixes")
    env = {**environment(bench), "PREFIXWARM_PREFIXES": folder}
    processes = [
        subprocess.Popen(["bash", "-c", command], env=env, stdin=reading, stdout=subprocess.PIPE)
        for _ in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
    os.close(writing)
    os.close(reading)
    lines = [json.loads(process.communicate()[0]) for process in processes]
    outcomes = Counter(line["outcome"] for line in lines)
    busy = [line for line in lines if "the table cannot be reached" in line["reason"]]
    tried(PROCESSES, f"extension processes released together, {len(busy)} met a busy table")
    # So many at once are more than a busy machine's table answers within a second.
    assert outcomes["written"] == 1
    assert outcomes["skipped"] + len(busy) == PROCESSES - 1, lines
    assert len(bench.warm_calls()) == 1


def test_protocol_clients_over_several_processes_make_one_call_a_prefix(
    bench: Bench, tmp_path: Path, tried: Tried
) -> None:
    """Threads with connections of their own; each of them ends with a definite result."""
    bench.provider.inject(kind="slow", seconds=0.3, match={"warm": True})
    files = compiled(tmp_path, "first", "second")
    within = WORKERS * CLIENTS / ARRIVALS_A_SECOND
    worker = [*YIELDING.split(), sys.executable, str(WORKER)]
    command = [*worker, str(CLIENTS), str(within), *map(str, files)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    workers = [
        subprocess.Popen(command, env=environment(bench), text=True, **pipes)
        for _ in range(WORKERS)
    ]
    for worker in workers:
        assert worker.stdout is not None
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    outcomes = Counter(chain.from_iterable(json.loads(w.communicate()[0]) for w in workers))
    tried(WORKERS * CLIENTS, f"protocol clients in {WORKERS} processes")
    assert outcomes == {"written": 2, "skipped": WORKERS * CLIENTS * 2 - 2}
    assert [state["calls"] for state in bench.states()] == ["1", "1"]
    assert len(bench.warm_calls()) == 2


def lease(bench: Bench, seconds: float) -> None:
    """A lease taken by somebody who died with it."""
    bench.start(bench.plain())
    (state,) = bench.states()
    bench.dynamodb.update_item(
        TableName=TABLE,
        Key={"pk": {"S": state["pk"]}},
        UpdateExpression=(
            "SET warm_until = :w, lease_owner = :o, lease_token = :t, lease_until = :u"
        ),
        ExpressionAttributeValues={
            ":w": {"N": "1"},
            ":o": {"S": "somebody dead"},
            ":t": {"N": "7"},
            ":u": {"N": str(time.time() + seconds)},
        },
    )
    bench.provider.reset()


def test_a_dead_holders_lease_passes_on(bench: Bench) -> None:
    """Whoever still waits when it ends takes it, and warms."""
    lease(bench, 1.0)
    started = bench.start(bench.asking())
    (state,) = bench.states()
    assert started.line["outcome"] == "written"
    assert started.answer.payload["cache_creation_input_tokens"] == 0
    assert state["lease_token"] == "8"


def test_nobody_waits_for_a_dead_holder_beyond_the_hold(bench: Bench) -> None:
    """The function goes on, and nothing is sent in the holder's place."""
    lease(bench, 60.0)
    started = bench.start(bench.plain(PREFIXWARM_INIT_HOLD_MS="300"))
    assert started.line["outcome"] in ("skipped", "failed")
    assert bench.states()[0]["lease_owner"] == "somebody dead"
    assert bench.warm_calls() == []
