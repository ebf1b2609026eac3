"""A deployment on this machine: local AWS API, simulated provider, one clock for all."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import anthropic
import pytest

from prefixwarm.keepwarm.ask_event import AskEvent
from prefixwarm.keepwarm.dependencies import AT_ONCE
from prefixwarm.keepwarm.runtime import Runtime
from prefixwarm.keepwarm.tick_report import TickReport
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.manifest import MOST_IN_A_TICK
from prefixwarm.prefix.prefix_file import PrefixFile, build, dumps
from prefixwarm.simulator import Simulator, running
from prefixwarm.state.model import shared_key
from prefixwarm.wire.deadline import Deadline
from tests.helpers.agents import PRICES, request_of
from tests.helpers.derived import derive
from tests.helpers.effort import FULL
from tests.helpers.patience import patient
from tests.helpers.state_table import create_state_table
from tests.helpers.table_server import TableServer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.state.outcome import Outcome
    from prefixwarm.state.warm_state import State

MINUTE = 60.0
HOUR = 3600.0


def prefix_file(name: str, prices: dict[str, Any] | None = PRICES) -> PrefixFile:
    """The agent's prefix file."""
    headers = {"anthropic-version": "2026-10-21"}
    return build(name, derive(request_of(name)), headers=headers, prices=prices)


class World:
    """One deployment, its provider and its clock."""

    def __init__(
        self,
        sim: Simulator,
        aws: LocalAws,
        environ: dict[str, str],
        table: TableServer | None = None,
    ) -> None:
        self.sim = sim
        self.aws = aws
        self.table = table
        self.environ = environ
        self.bucket = "assets"
        self.clock_error = 0.0
        self._readings = 0
        self.most_in_a_tick, self.at_once = MOST_IN_A_TICK, AT_ONCE
        self._runtime: Runtime | None = None
        self._runtimes: list[Runtime] = []
        create_state_table(aws, environ["PREFIXWARM_TABLE"])
        aws.client("s3").create_bucket(Bucket=self.bucket)

    def deploy(self, *names: str, **manifest: Any) -> None:
        """Upload a manifest with these prefixes, and start a new environment."""
        entries = [self.upload(name, dumps(prefix_file(name))) for name in names]
        self.deploy_entries(entries, **manifest)

    def deploy_entries(self, entries: list[dict[str, Any]], **manifest: Any) -> None:
        """Upload a manifest as it is."""
        document = {
            "format": "prefixwarm-manifest/1",
            "prefixes": entries,
            "policy": "ski",
            "latency_value": 0,
            "budget_usd_per_day": None,
            **manifest,
        }
        self.put("manifest.json", json.dumps(document))
        self._runtime = None

    def upload(self, name: str, text: str, **fields: Any) -> dict[str, Any]:
        """Upload a prefix file; its entry for the manifest."""
        self.put(f"{name}.json", text)
        return {"name": name, "object": f"{name}.json", "functions": [f"{name}-agent"], **fields}

    def put(self, key: str, text: str) -> None:
        """Upload an object."""
        self.aws.client("s3").put_object(Bucket=self.bucket, Key=key, Body=text.encode())

    def new_runtime(self, **environ: str) -> Runtime:
        """Another environment of the function."""
        settings = {**self.environ, **environ}
        runtime = Runtime(settings, self.now)
        runtime.dependencies = replace(
            runtime.dependencies, most_in_a_tick=self.most_in_a_tick, at_once=self.at_once
        )
        self._runtimes.append(runtime)
        return runtime

    def now(self) -> float:
        """The function's clock; it never stands still within a tick."""
        self._readings += 1
        return self.sim.now() + self.clock_error + self._readings * 1e-4

    def close(self) -> None:
        """Close all connections to the provider."""
        for runtime in self._runtimes:
            runtime.close()

    @property
    def runtime(self) -> Runtime:
        """The function's environment."""
        if self._runtime is None:
            self._runtime = self.new_runtime()
        return self._runtime

    def tick(self) -> TickReport:
        """One tick of the function's environment."""
        return ticked(self.runtime)

    def passes(self, seconds: float, step: float = MINUTE) -> list[TickReport]:
        """Let time pass, with a tick at the end of each step."""
        reports = []
        for _ in range(int(seconds // step)):
            self.sim.advance(step)
            reports.append(self.tick())
        return reports

    def next_due(self) -> float | None:
        """When the next prefix is due."""
        if self.table:
            items = [item for item in self.table.items.values() if "due_shard" in item]
            return min((float(item["due_at"]["N"]) for item in items), default=None)
        reply = self.aws.client("dynamodb").query(
            TableName=self.environ["PREFIXWARM_TABLE"],
            IndexName="due",
            KeyConditionExpression="due_shard = :shard",
            ExpressionAttributeValues={":shard": {"S": "0"}},
            Limit=1,
        )
        return float(reply["Items"][0]["due_at"]["N"]) if reply["Items"] else None

    def key(self, name: str) -> str:
        """The key of a prefix's warm state."""
        call = compile_prefix(prefix_file(name))
        return call.key("default", self.environ)

    def state(self, name: str) -> State:
        """A prefix's warm state."""
        return self.runtime.dependencies.store.read(self.key(name), Deadline.after(60))

    def shared(self, name: str) -> State:
        """What all versions of a prefix share."""
        store = self.runtime.dependencies.store
        return store.read(shared_key(self.key(name)), Deadline.after(60))

    def warm_calls(self) -> list[dict[str, Any]]:
        """Warm calls that the provider received."""
        return [request for request in self.sim.requests() if request["warm"]]

    def asks(self, *names: str, **fields: Any) -> list[Outcome]:
        """One ask of the function's environment."""
        return asked(self.runtime, *names, **fields)

    def agent_asks(self, name: str) -> anthropic.types.Usage:
        """A real request, by the real SDK."""
        with anthropic.Anthropic(base_url=self.sim.url, api_key="key", max_retries=0) as client:
            usage: anthropic.types.Usage = client.messages.create(**request_of(name)).usage
            return usage

    def invoked(self, name: str) -> None:
        """The agent function was invoked now, and that is all that anybody sees."""
        metric = {
            "MetricName": "Invocations",
            "Dimensions": [{"Name": "FunctionName", "Value": f"{name}-agent"}],
            "Timestamp": self.sim.now(),
            "Value": 1,
            "Unit": "Count",
        }
        client = self.aws.client("cloudwatch")
        client.put_metric_data(Namespace="AWS/Lambda", MetricData=[metric])


def ticked(runtime: Runtime, deadline: Deadline | None = None) -> TickReport:
    """One tick of an environment."""
    report = TickReport()
    runtime.tick(deadline or Deadline.after(50), report)
    return report


def asked(runtime: Runtime, *names: str, **fields: Any) -> list[Outcome]:
    """What an environment answers to one ask."""
    event = AskEvent.of({"warm": [*names], **fields})
    assert event is not None
    return runtime.warm(event, Deadline.after(50), TickReport())


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAws]:
    """The AWS API on this machine."""
    with LocalAws() as aws:
        yield aws


@pytest.fixture
def world(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A fresh deployment without prefixes."""
    with _deployed(local_aws, monkeypatch) as world:
        yield world


@pytest.fixture
def long_lived(local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The same for many ticks: a table in this process is asked, except with full numbers.

    Other tests compare that table with two other implementations.
    """
    if FULL:
        with _deployed(local_aws, monkeypatch) as world:
            yield world
        return
    with TableServer() as table, _deployed(local_aws, monkeypatch, table) as world:
        yield world


@contextmanager
def _deployed(
    local_aws: LocalAws, monkeypatch: pytest.MonkeyPatch, table: TableServer | None = None
) -> Iterator[World]:
    local_aws.reset()
    own = {"AWS_ENDPOINT_URL_DYNAMODB": table.url} if table else {}
    variables = {**local_aws.environment(), **own}
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with patient(), running(clock="manual") as sim:
        environ = {
            **variables,
            "ANTHROPIC_BASE_URL": sim.url,
            "ANTHROPIC_API_KEY": "key",
            "PREFIXWARM_TABLE": "state",
            "PREFIXWARM_MANIFEST": "s3://assets/manifest.json",
        }
        world = World(sim, local_aws, environ, table)
        yield world
        world.close()
