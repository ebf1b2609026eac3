"""One day of the deployed example agent, lived in minutes: what its functions log is real.

Agent, layer and keep-warm function are those that the CDK CLI deployed, started by AWS's runtime
emulator. Their clock is the machine's, moved by libfaketime (apt-get install libfaketime) together
with the provider's, so that the hours between two requests take no time.
"""

from __future__ import annotations

import random
import re
import shutil
import time
from collections import defaultdict
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from dashboard_values import Metrics

import prefixwarm
from prefixwarm.local.emulator import Environment

if TYPE_CHECKING:
    from prefixwarm.local.function import Function
    from prefixwarm.local.stack import DeployedStack

__all__ = ["HOURS", "live"]

HOURS = 24
TURNS = 4
LIBRARY = Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1")
# The line that docs/capture.md adds to an agent's client; the rest is the deployed code.
OBSERVED = """
import handler as agent
from prefixwarm.observe import middleware

client = agent._client().with_options(middleware=[middleware()])
agent._client = lambda: client
handler = agent.handler
"""
DURATION = re.compile(r"^REPORT .*?\tDuration: ([\d.]+) ms", re.MULTILINE)


def conversations() -> dict[int, list[int]]:
    """Which conversations have a turn in each minute: some by day, few by night."""
    chance = random.Random(6)
    turns: dict[int, list[int]] = defaultdict(list)
    for minute in range(HOURS * 60):
        busy = 8 <= minute // 60 < 18
        if chance.random() < (1 / 45 if busy else 1 / 400):
            for turn in range(TURNS):
                turns[minute + 2 * turn].append(minute)
    return turns


class Clock:
    """The provider's clock and the functions', moved together; yesterday's, for the latter.

    In the past, because the emulator tells a function's deadline by the machine's time.
    """

    def __init__(self, stack: DeployedStack) -> None:
        self._provider = stack.provider
        self._files = [stack.agent.code / "clock", stack.keepwarm.code / "clock"]
        midnight = time.time() // 86_400 * 86_400
        self.began = midnight - HOURS * 3600
        self._started = self._provider.now()

    def now(self) -> float:
        """Epoch seconds, as the functions see them."""
        return self.began + self._provider.now() - self._started

    def reach(self, moment: float) -> None:
        """Move on to `moment`."""
        self._provider.advance(max(0.0, moment - self.now()))
        offset = self.now() - time.time()
        for file in self._files:
            fresh = file.with_suffix(".new")
            fresh.write_text(f"{offset:+.3f}")
            fresh.rename(file)


def live(stack: DeployedStack) -> Metrics:
    """A tick each minute, and the agent's conversations, each in an environment of its own."""
    clock, turns = Clock(stack), conversations()
    metrics = Metrics(clock.began, clock.began + HOURS * 3600)
    agent, talks = observed(stack.agent), {}
    with ExitStack() as opened:
        clock.reach(clock.began)
        runtime = opened.enter_context(Environment(moved(stack.keepwarm), tools=stack.tools))
        for minute in range(HOURS * 60):
            clock.reach(clock.began + 60 * minute)
            tick(runtime, clock, metrics)
            for talk in turns.get(minute, ()):
                if talk not in talks:
                    talks[talk] = opened.enter_context(Environment(agent, tools=stack.tools))
                ask(talks[talk], stack, clock)
                if minute == talk + 2 * (TURNS - 1):
                    metrics.read(talks.pop(talk).close())
        metrics.read(runtime.log)
    return metrics


def tick(runtime: Environment, clock: Clock, metrics: Metrics) -> None:
    """One start by the schedule, and what AWS itself measures of it."""
    at = clock.now()
    answer = runtime.invoke({})
    name = {"FunctionName": runtime.function.name}
    failed = answer.status != 200 or "errorMessage" in str(answer.payload)
    metrics.put("AWS/Lambda", "Errors", name, at, float(failed))
    for found in DURATION.findall(answer.log):
        metrics.put("AWS/Lambda", "Duration", name, at, float(found))


def ask(environment: Environment, stack: DeployedStack, clock: Clock) -> None:
    """One invocation of the agent; AWS counts it for the keep-warm function to see."""
    answer = environment.invoke({"message": "Which chain fits an 11-speed cassette?"})
    if "reply" not in answer.payload:
        raise RuntimeError(f"the agent failed: {str(answer.payload)[:300]}")
    point = {"MetricName": "Invocations", "Timestamp": clock.now(), "Value": 1, "Unit": "Count"}
    point["Dimensions"] = [{"Name": "FunctionName", "Value": environment.function.name}]
    stack.aws.client("cloudwatch").put_metric_data(Namespace="AWS/Lambda", MetricData=[point])


def moved(function: Function) -> Function:
    """The function with its clock moved by what the file says, reread at each look."""
    if not LIBRARY.exists():
        raise SystemExit(f"{LIBRARY}: not found; apt-get install libfaketime")
    return function.having(
        LD_PRELOAD=str(LIBRARY),
        FAKETIME_TIMESTAMP_FILE="/var/task/clock",
        FAKETIME_NO_CACHE="1",
        FAKETIME_DONT_FAKE_MONOTONIC="1",
        FAKETIME_DISABLE_SHM="1",
    )


def observed(function: Function) -> Function:
    """The agent with `prefixwarm.observe` in its client, as a user adds it."""
    home = Path(prefixwarm.__file__).parent
    for name in ("__init__.py", "core", "observe", "compare"):
        source, target = home / name, function.code / "prefixwarm" / name
        target.parent.mkdir(exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target)
    (function.code / "observed.py").write_text(OBSERVED)
    return replace(moved(function), handler="observed.handler")
