"""What can happen to the extension's processes while a warm call is under way."""

from __future__ import annotations

import json
import os
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import pytest
from extension_bench import changed_layer
from reply_gate import ReplyGate

from tests.helpers.waiting import until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from concurrent.futures import Future

    from extension_bench import Bench

    from prefixwarm.local.emulator import Environment, Invocation


def child_of(bench: Bench) -> int | None:
    """The process id of this test's Python part."""
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            environment = (process / "environ").read_bytes()
        except OSError:
            continue
        if b"/prefixwarm/bootstrap.py" in command and bench.scope.encode() in environment:
            return int(process.name)
    return None


class MidCall(NamedTuple):
    """An environment whose warm call has reached the provider and waits for its reply."""

    environment: Environment
    answer: Future[Invocation]
    child: int
    gate: ReplyGate


@contextmanager
def in_mid_call(bench: Bench, hold_ms: int = 3000) -> Iterator[MidCall]:
    """Start one; the reply comes when the gate is opened, and not before."""
    with ReplyGate(bench.provider.url) as gate:
        env = {"PREFIXWARM_INIT_HOLD_MS": str(hold_ms), "ANTHROPIC_BASE_URL": gate.url}
        with bench.environment(bench.plain(**env)) as environment, ThreadPoolExecutor(1) as pool:
            answer = pool.submit(environment.invoke, {"n": 1})
            until(bench.warm_calls)
            child = child_of(bench)
            assert child is not None
            yield MidCall(environment, answer, child, gate)


def check(answer: Invocation) -> None:
    """The function's own answer."""
    assert answer.status == 200
    assert answer.payload["event"] == {"n": 1}


def lines(log: str) -> list[dict[str, object]]:
    """The extension's log lines."""
    return [json.loads(line) for line in log.splitlines() if '"by":"init"' in line]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGSEGV, signal.SIGTERM])
def test_a_killed_child_does_not_fail_the_function(bench: Bench, number: signal.Signals) -> None:
    """Killed, crashed, or told to go: the launcher lives on in `next`, and one line says so."""
    with in_mid_call(bench) as (environment, answer, child, _):
        os.kill(child, number)
        check(answer.result())
        check(environment.invoke({"n": 1}))
        log = environment.close()
    (line,) = lines(log)
    assert line["outcome"] == "failed"


def test_a_frozen_child_that_thaws_records_its_reply(bench: Bench) -> None:
    """As Lambda freezes an environment between invocations, in the middle of a call."""
    with in_mid_call(bench, hold_ms=300) as (environment, answer, child, gate):
        os.kill(child, signal.SIGSTOP)
        check(answer.result())
        gate.open()
        os.kill(child, signal.SIGCONT)
        until(lambda: "lease_until" not in bench.states()[0])
        check(environment.invoke({"n": 1}))
        log = environment.close()
    (state,) = bench.states()
    (line,) = lines(log)
    assert (state["outcome"], state["calls"], line["outcome"]) == ("written", "1", "written")
    # Counted from the call's start, not from the thaw.
    assert float(state["warm_until"]) == pytest.approx(float(state["last_touch"]) + 300, abs=1)


def test_a_thawed_child_whose_lease_has_passed_on_takes_nothing_back(bench: Bench) -> None:
    """The next holder's lease stays as it is, and the life is not lowered."""
    with in_mid_call(bench, hold_ms=300) as (environment, answer, child, gate):
        os.kill(child, signal.SIGSTOP)
        check(answer.result())
        (state,) = bench.states()
        bench.dynamodb.update_item(
            TableName="warm-state",
            Key={"pk": {"S": state["pk"]}},
            UpdateExpression=(
                "SET lease_owner = :o, lease_token = :t, lease_until = :u, warm_until = :w"
            ),
            ExpressionAttributeValues={
                ":o": {"S": "the next one"},
                ":t": {"N": "2"},
                ":u": {"N": str(time.time() + 60)},
                ":w": {"N": str(time.time() + 7200)},
            },
        )
        (before,) = bench.states()
        gate.open()
        os.kill(child, signal.SIGCONT)
        until(lambda: lines(environment.log))
        environment.close()
    (after,) = bench.states()
    kept = ("lease_owner", "lease_token", "lease_until", "warm_until")
    assert {name: after[name] for name in kept} == {name: before[name] for name in kept}
    assert after["calls"] == "1"


@pytest.mark.parametrize("kilobytes", [6_000, 14_000, 18_000])
def test_an_extension_without_memory_does_not_fail_the_function(
    bench: Bench, tmp_path: Path, kilobytes: int
) -> None:
    """Too little to start, to import, or to connect."""
    launcher = (bench.layer / "extensions" / "prefixwarm").read_text()
    limited = launcher.replace('<(exec "$python"', f'<(ulimit -v {kilobytes}; exec "$python"')
    assert limited != launcher
    layer = changed_layer(bench.layer, tmp_path, {"extensions/prefixwarm": limited})
    started = bench.start(replace(bench.plain(), layers=(layer,)), {"n": 1})
    check(started.answer)
    assert started.line["outcome"] == "failed"
    assert bench.warm_calls() == []


def test_a_function_that_fails_in_its_own_init_still_fails_by_itself(bench: Bench) -> None:
    """The layer neither hides the error nor changes it."""
    function = bench.function(bench.code("raise ValueError('my own fault')"))
    with_layer = bench.start(function).answer
    without = bench.start(function.without_layers()).answer
    assert with_layer.status == without.status
    assert with_layer.payload["errorType"] == without.payload["errorType"]
