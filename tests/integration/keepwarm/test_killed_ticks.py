"""Ticks that die at any moment lose no dollar, and exceed no budget."""

from __future__ import annotations

import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.keepwarm.budget import day_of, total_key
from prefixwarm.keepwarm.catalog import PrefixCatalog
from prefixwarm.keepwarm.dependencies import Dependencies
from prefixwarm.keepwarm.tick import tick
from prefixwarm.keepwarm.tick_report import TickReport
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.prefix_file import dumps
from prefixwarm.provider.client import Provider
from prefixwarm.simulator import running
from prefixwarm.state.local_table import LocalTable
from prefixwarm.state.store import StateStore
from prefixwarm.warm.connections import connect
from prefixwarm.wire.deadline import Deadline
from tests.helpers.effort import chosen
from tests.integration.keepwarm.conftest import prefix_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.provider.client import PreparedCall, Reply
    from prefixwarm.simulator import Simulator
    from prefixwarm.wire.http import Progress

TICKS = 50
SEEDS = range(chosen(dev=1, ci=1, full=10))
NAMES = tuple(f"agent-{number}" for number in range(90))
BUDGET = 0.2


class Killed(BaseException):
    """The process is gone: no code of it catches this."""


class Process:
    """One tick's environment, which dies at its `last` operation on table or provider.

    Where `answered`, that operation was still carried out, and only its reply is lost.
    """

    def __init__(self, last: int, *, answered: bool) -> None:
        self.last = last
        self.answered = answered
        self.operations = 0

    def enter(self) -> None:
        """Before an operation."""
        self.operations += 1
        if self.operations > self.last or (self.operations == self.last and not self.answered):
            raise Killed

    def leave(self) -> None:
        """After an operation."""
        if self.operations >= self.last:
            raise Killed


class MortalTable:
    """A table on which only the living operate."""

    def __init__(self, table: LocalTable, process: Process) -> None:
        self._table = table
        self._process = process

    def __call__(
        self, operation: str, parameters: dict[str, Any], deadline: Deadline
    ) -> dict[str, Any]:
        """See `DynamoCall`."""
        self._process.enter()
        reply = self._table(operation, parameters, deadline)
        self._process.leave()
        return reply


class MortalProvider(Provider):
    """A provider to which only the living send."""

    process: Process

    def send(
        self,
        call: PreparedCall,
        max_tokens: int,
        deadline: Deadline,
        progress: Progress | None = None,
    ) -> Reply:
        """See `Provider`."""
        self.process.enter()
        reply = super().send(call, max_tokens, deadline, progress)
        self.process.leave()
        return reply


class Objects:
    """A bucket."""

    def __init__(self, **manifest: Any) -> None:
        self._objects = {f"{name}.json": dumps(prefix_file(name)).encode() for name in NAMES}
        document = {
            "format": "prefixwarm-manifest/1",
            "prefixes": [{"name": name, "object": f"{name}.json"} for name in NAMES],
            "policy": {"rule": "always", "ttl": "5m"},
            "latency_value": 0,
            "budget_usd_per_day": None,
            "calls_per_minute": 40,
            **manifest,
        }
        self._objects["manifest.json"] = json.dumps(document).encode()

    def read(self, key: str) -> bytes:
        """See `Bucket`."""
        return self._objects[key]

    def url(self, key: str) -> str:
        """See `Bucket`."""
        return key


class Deployment:
    """A table, a bucket and a provider, and ticks that die."""

    def __init__(self, sim: Simulator, seed: int, **manifest: Any) -> None:
        self.sim = sim
        self.table = LocalTable()
        self.objects = Objects(**manifest)
        self.random = Random(seed)
        self.environ = {
            "ANTHROPIC_BASE_URL": sim.url,
            "ANTHROPIC_API_KEY": "key",
            "PREFIXWARM_TABLE": "state",
        }

    def tick(self) -> bool:
        """One tick of a new environment; whether it died."""
        # A new environment first registers each prefix: later is more telling.
        first = self.random.choice((1, len(NAMES), len(NAMES)))
        last = self.random.randrange(first, len(NAMES) + 150)
        process = Process(last, answered=self.random.random() < 0.5)
        connections = connect(self.environ)
        provider = MortalProvider(connections.transport, connections.aws, None, self.environ)
        provider.process = process
        dependencies = Dependencies(
            settings=connections.settings,
            environ=self.environ,
            store=StateStore("state", MortalTable(self.table, process)),
            provider=provider,
            cloudwatch=None,  # type: ignore[arg-type] # no functions, so nothing is asked
            clock=self.sim.now,
        )
        objects: Any = self.objects
        settings, now = connections.settings, self.sim.now()
        catalog = PrefixCatalog(objects, "manifest.json", settings, self.environ, _raise, now)
        catalog.learn_keys()
        try:
            tick(dependencies, catalog, Deadline.after(60), TickReport())
        except Killed:
            return True
        finally:
            connections.transport.close()
        return False

    def moments(self) -> Iterator[int]:
        """The numbers of ticks, a minute apart."""
        for number in range(TICKS):
            yield number
            self.sim.advance(60)

    @property
    def billed_usd(self) -> float:
        """What the provider has billed."""
        return float(self.sim.ledger()["total"]["cost_usd"])

    @property
    def committed_usd(self) -> float:
        """What the deployment's ledger says was spent or is reserved today."""
        store, day = StateStore("state", self.table), day_of(self.sim.now())
        ledgers = store.ledger(total_key(""), [day], Deadline.after(60))
        return sum(ledger.committed_usd for ledger in ledgers)


def _raise(error: Exception) -> None:
    raise error


def underestimated(sim: Simulator) -> float:
    """How many times its estimate a call has cost at most."""
    (call, *_) = (compile_prefix(prefix_file(name)) for name in NAMES)
    estimated_usd = (call.tokens or 0) * (call.usd_per_mtok["write_5m"] or 0) / 1e6
    return max([1.0, *(float(request["cost_usd"]) / estimated_usd for request in sim.requests())])


@pytest.mark.parametrize("seed", SEEDS)
def test_fifty_killed_ticks_lose_no_dollar(seed: int) -> None:
    """Ledger and reservations are never below the bill, but for the estimate's own error."""
    with running(clock="manual") as sim:
        deployment = Deployment(sim, seed)
        died = 0
        for _ in deployment.moments():
            died += deployment.tick()
            assert deployment.committed_usd >= deployment.billed_usd / underestimated(sim)
        assert died > TICKS / 4
        assert len(sim.requests()) > TICKS


@pytest.mark.parametrize("seed", SEEDS)
def test_fifty_killed_ticks_keep_the_budget(seed: int) -> None:
    """It is exceeded by no more than the error of the estimates."""
    with running(clock="manual") as sim:
        deployment = Deployment(sim, seed, budget_usd_per_day=BUDGET)
        died = sum(deployment.tick() for _ in deployment.moments())
        assert died > TICKS / 10
        assert BUDGET / 3 < deployment.billed_usd <= BUDGET * underestimated(sim)
        assert deployment.committed_usd > BUDGET * 0.8
