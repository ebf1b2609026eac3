"""Simulates a day of a synthesised deployment: its handlers run here, on a clock that moves by
minutes.

Template, manifest, prefix files and settings are those that the CDK app synthesises; the tables,
objects and metrics are in a local AWS API, and the simulated provider answers. Each minute the
keep-warm function's own handler runs, and answers who asks; agents' starts run the layer's own init
phase, and their requests go through `prefixwarm.observe`.
"""

from __future__ import annotations

import io
import json
import os
import random
import sys
import tempfile
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from aws_usage import Usage, is_state, size_of

from prefixwarm.keepwarm import handler, runtime
from prefixwarm.keepwarm.logs import logger
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.local.toolchain import Tools
from prefixwarm.observe.observer import Observer
from prefixwarm.prefix import prefix_file
from prefixwarm.simulator import running

sys.path.insert(0, str(Path(__file__).parents[1]))
os.environ.setdefault("JSII_NODE", str(Tools().node()))
os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "18,20,21,23")

from aws_cdk import App, Stack
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager

from prefixwarm_cdk import Credentials, PrefixWarmer
from prefixwarm_extension import main as init_phase
from tests.helpers.agents import PRICES, request_of, usage_of
from tests.helpers.derived import derive
from tests.helpers.simulated_clock import simulated_clock
from tests.helpers.state_table import create_state_table

if TYPE_CHECKING:
    from collections.abc import Iterator


MINUTES = 1440
SECRET = "claude"


@dataclass(frozen=True)
class Case:
    """One deployment and its traffic: each prefix has its own agent."""

    name: str
    prefixes: int
    environments: int
    requests_a_day: int
    observed: bool = True
    asks_a_day: int = 0


@dataclass
class Day:
    """The deployment, and its usage."""

    template: dict[str, Any]
    usage: Usage


def synthesised(case: Case, folder: Path, **options: Any) -> tuple[dict[str, Any], list[Path]]:
    """The template with default settings but for `options`, and the prefix files."""
    headers = {"anthropic-version": "2026-10-21"}
    files = [
        prefix_file.write(
            prefix_file.build(
                f"p{i}",
                derive(request_of(f"p{i}")),
                headers=headers,
                prices=PRICES,
            ),
            folder,
        )
        for i in range(case.prefixes)
    ]
    app = App(outdir=str(folder / "cdk.out"), analytics_reporting=False)
    stack = Stack(app, "Bill")
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Key", SECRET)
    credentials = Credentials.secret(secret)
    warmer = PrefixWarmer(stack, "Warm", prefixes=files, credentials=credentials, **options)
    for i in range(case.prefixes):
        agent = lambda_.Function(
            stack,
            f"Agent{i}",
            function_name=f"agent-{i}",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline("def handler(event, context): return 1"),
        )
        warmer.attach(agent, prefixes=[f"p{i}"])
    assembly = app.synth()
    return assembly.get_stack_by_name("Bill").template, files


def live(case: Case, minutes: int = MINUTES, **options: Any) -> Day:
    """Deploy, and simulate a day."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        template, files = synthesised(case, folder, **options)
        aws = stack.enter_context(LocalAws())
        sim = stack.enter_context(running(clock="manual"))
        world = _World(case, aws, sim, template, folder)
        stack.enter_context(world.usage.counted())
        stack.enter_context(simulated_clock(world.now))
        stack.enter_context(mock.patch.dict(os.environ, world.environ))
        world.live(minutes, files)
        return Day(template, world.usage)


class _World:
    def __init__(
        self, case: Case, aws: LocalAws, sim: Any, template: dict[str, Any], folder: Path
    ) -> None:
        self.case, self.aws, self.sim = case, aws, sim
        self.at = sim.now()
        self.began = self.at
        self._readings = 0
        self.usage = Usage(self.now)
        self.environ = aws.environment() | {
            "ANTHROPIC_BASE_URL": sim.url,
            "HOME": str(folder),
            **_upload(aws, template, folder / "cdk.out"),
        }

    def now(self) -> float:
        """The simulated time, which never stands still."""
        self._readings += 1
        return self.at + self._readings * 1e-5

    def live(self, minutes: int, files: list[Path]) -> None:
        agents = [
            _Agent(self, i, number, files[i])
            for i in range(self.case.prefixes)
            for number in range(self.case.environments)
        ]
        chance = random.Random(13)
        spread = self.case.requests_a_day * minutes // MINUTES
        asks = _arrivals(chance, agents, minutes, spread)
        runtime.CURRENT[:] = [runtime.Runtime(os.environ, self.now)]
        for minute in range(minutes):
            self._tick()
            for _ in range(_share(self.case.asks_a_day, minute)):
                self._ask()
            self._invoked(asks.get(minute, []))
            for agent in asks.get(minute, ()):
                agent.ask()
            self.at = self.sim.advance(self.began + 60.0 * (minute + 1) - self.at)
        for kept in runtime.CURRENT:
            kept.close()
        self._measure_items()

    def _tick(self) -> None:
        with self._as("keep-warm") as text:
            answer = handler.handler({}, _Context())  # type: ignore[arg-type]
        self.usage.outcomes.update(answer["outcomes"])
        self.usage.log(text.getvalue())

    def _ask(self) -> None:
        """Ask for the first prefix, for as long as its users stay."""
        event = {"warm": ["p0"], "needed_for_seconds": 60}
        with self._as("keep-warm") as text:
            (outcome,) = handler.handler(event, _Context())["outcomes"]  # type: ignore[arg-type]
        self.usage.asks += 1
        self.usage.outcomes[outcome["outcome"]] += 1
        self.usage.log(text.getvalue())

    @contextmanager
    def _as(self, caller: str) -> Iterator[io.StringIO]:
        """Count the calls and the output of the code in this block."""
        self.usage.caller, self.usage.counting = caller, True
        with redirect_stdout(io.StringIO()) as text:
            # The logger keeps the stream that it found.
            logger.registered_handler.setStream(text)  # type: ignore[attr-defined]
            try:
                yield text
            finally:
                self.usage.counting = False

    def _invoked(self, agents: list[_Agent]) -> None:
        """Count invocations, as AWS does by itself."""
        if agents:
            data = [
                {
                    "MetricName": "Invocations",
                    "Dimensions": [{"Name": "FunctionName", "Value": f"agent-{agent.prefix}"}],
                    "Timestamp": self.at,
                    "Value": 1,
                }
                for agent in agents
            ]
            client = self.aws.client("cloudwatch")
            for start in range(0, len(data), 500):
                client.put_metric_data(Namespace="AWS/Lambda", MetricData=data[start : start + 500])

    def _measure_items(self) -> None:
        client = self.aws.client("dynamodb")
        pages = client.get_paginator("scan").paginate(TableName=self.environ["PREFIXWARM_TABLE"])
        items = [item for page in pages for item in page["Items"]]
        sizes: dict[bool, list[int]] = {True: [0], False: [0]}
        for item in items:
            sizes[is_state(item["pk"]["S"])].append(size_of(item))
        self.usage.item_bytes, self.usage.other_bytes = max(sizes[True]), max(sizes[False])
        self.usage.table_bytes = sum(sizes[True]) + sum(sizes[False])


def _share(count_a_day: int, minute: int) -> int:
    """This minute's part of a day's count, spread evenly."""
    return count_a_day * (minute + 1) // MINUTES - count_a_day * minute // MINUTES


def _arrivals(
    chance: random.Random, agents: list[_Agent], minutes: int, count: int
) -> dict[int, list[_Agent]]:
    """The agents with requests in each minute, at random over the day."""
    by_minute: dict[int, list[_Agent]] = {}
    for agent in agents:
        for _ in range(count):
            by_minute.setdefault(chance.randrange(minutes), []).append(agent)
    return by_minute


class _Agent:
    """One environment of an agent: its start, and its requests."""

    def __init__(self, world: _World, prefix: int, number: int, file: Path) -> None:
        self.prefix = prefix
        self._world = world
        self._name = f"agent-{prefix}-{number}"
        self._file = file
        self._body = request_of(f"p{prefix}")
        self._observer: Observer | None = None
        self._out = io.StringIO()

    def ask(self) -> None:
        """Send one request; the first one comes with the environment's start."""
        if self._observer is None:
            self._start()
        with self._world._as(self._name) as text:
            assert self._observer is not None
            sent = self._observer.begin(self._body, {}) if self._world.case.observed else None
            usage = usage_of(self._world.sim.url, self._body)
            if sent is not None:
                self._observer.end(sent, usage)
                self._observer.flush(30)
        self._world.usage.log(text.getvalue())

    def _start(self) -> None:
        world = self._world
        environ = {
            **world.environ,
            "AWS_LAMBDA_FUNCTION_NAME": f"agent-{self.prefix}",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "PREFIXWARM_PREFIXES": str(_own_folder(self._file)),
        }
        reading, writing = os.pipe()
        with world._as(self._name) as text:
            init_phase.main(environ, writing, "on-demand", 3000)
        os.close(reading)
        world.usage.log(text.getvalue())
        self._observer = Observer([prefix_file.load(self._file)], clock=world.now)


def _own_folder(file: Path) -> Path:
    """A folder with this prefix alone, and its compiled bytes, as the layer has it."""
    from prefixwarm_layer.layout import prefix_entries

    folder = file.parent / "layers" / file.name.partition(".")[0]
    if not folder.exists():
        folder.mkdir(parents=True)
        for place, data in prefix_entries([file]).items():
            (folder / Path(place).name).write_bytes(data)
    return folder


@dataclass
class _Context:
    """Lambda's context."""

    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        """A whole minute."""
        return 60_000


def _upload(aws: LocalAws, template: dict[str, Any], assembly: Path) -> dict[str, str]:
    """Put the assets, the table and the key there; the keep-warm function's variables."""
    assets = json.loads(next(assembly.glob("Bill.assets.json")).read_text())["files"]
    s3, bucket = aws.client("s3"), "assets"
    s3.create_bucket(Bucket=bucket)
    for asset in assets.values():
        (target,) = asset["destinations"].values()
        path = assembly / asset["source"]["path"]
        if path.suffix != ".zip":
            s3.put_object(Bucket=bucket, Key=target["objectKey"], Body=path.read_bytes())
    create_state_table(aws, "state")
    arn = aws.client("secretsmanager").create_secret(Name=SECRET, SecretString="key")["ARN"]
    functions = [
        r["Properties"]["Environment"]["Variables"]
        for r in template["Resources"].values()
        if r["Type"] == "AWS::Lambda::Function"
    ]
    (own,) = [variables for variables in functions if "PREFIXWARM_MANIFEST" in variables]
    manifest = json.dumps(own["PREFIXWARM_MANIFEST"]).rpartition("/")[2].strip('"}] ')
    fixed = {name: value for name, value in own.items() if isinstance(value, str)}
    senders = own.get("PREFIXWARM_FUNCTIONS")
    count = sum("PREFIXWARM_TABLE" in f and "PREFIXWARM_MANIFEST" not in f for f in functions)
    named = json.dumps({f"p{i}": [f"agent-{i}"] for i in range(count)}) if senders else ""
    return fixed | {
        "PREFIXWARM_TABLE": "state",
        "PREFIXWARM_API_KEY_SECRET": arn,
        "PREFIXWARM_MANIFEST": f"s3://{bucket}/{manifest}",
        "PREFIXWARM_FUNCTIONS": named,
    }
