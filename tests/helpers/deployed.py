"""One prefix under the deployed parts on the simulated clock, to compare its bill with a replay's.

The layer's init phase runs at each start, `prefixwarm.observe` at each request, and the keep-warm
function's tick in each minute in which something is due; in the others it only asks the table.
"""

from __future__ import annotations

import math
import os
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass, field
from heapq import merge
from io import StringIO
from operator import itemgetter
from typing import TYPE_CHECKING, Any, Protocol
from unittest import mock

from prefixwarm.observe import installed
from prefixwarm.observe.observer import Observer
from prefixwarm.prefix import prefix_file
from prefixwarm.warm.connections import connect
from prefixwarm_extension import context
from prefixwarm_extension import main as init_phase
from tests.helpers.agents import MODEL, usage_of
from tests.helpers.derived import derive
from tests.helpers.patience import patient
from tests.helpers.simulated_clock import simulated_clock
from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.simulator import Simulator


MINUTE = 60.0
NAME = "support"
INPUT_USD = 2.0
_CACHED = ("read", "creation")


class World(Protocol):
    """What is needed of the keep-warm tests' deployment."""

    sim: Simulator
    aws: LocalAws
    environ: dict[str, str]

    def now(self) -> float:
        """The simulated time."""

    def tick(self) -> object:
        """One tick of the keep-warm function."""

    def next_due(self) -> float | None:
        """When the next prefix is due, by the table."""

    def upload(self, name: str, text: str, **fields: Any) -> dict[str, Any]:
        """Upload a prefix file; its entry for the manifest."""

    def deploy_entries(self, entries: list[dict[str, Any]], **manifest: Any) -> None:
        """Upload a manifest, and start a new environment."""

    def invoked(self, name: str) -> None:
        """Count an invocation."""


@dataclass(frozen=True)
class Life:
    """One prefix's requests, starts and deployments; seconds from the beginning."""

    days: float
    arrivals: Sequence[float]
    starts: Sequence[float] = ()
    deployments: Sequence[float] = (0.0,)
    agent_ttl: int = 300
    observed: bool = True
    read: float = 0.1
    init_usd_per_week: float = 1.0


@dataclass
class Deployed:
    """One prefix, deployed to a world; its bill is in units of one uncached read of it."""

    world: World
    life: Life
    folder: Path
    began: float = 0.0
    tokens: int = 0
    _versions: int = 0
    _ticked: float = 0.0
    _observer: Observer | None = None
    _file: PrefixFile | None = None
    _last: dict[str, Any] = field(default_factory=dict)

    def lives(self) -> float:
        """Let it live; what the provider bills for the prefix."""
        life = self.life
        self.began = self.world.sim.now()
        self._ticked = self.began - MINUTE
        happenings: list[tuple[Sequence[float], int, Callable[[], None]]] = [
            (life.deployments, 0, self._deploy),
            (life.starts, 1, self._start),
            (life.arrivals, 2, self._ask),
        ]
        events = merge(
            *([(at, order, happen) for at in moments] for moments, order, happen in happenings),
            key=itemgetter(0, 1),
        )
        patched = mock.patch.dict(os.environ, self._environ)
        with simulated_clock(self.world.now), patched, patient(), connections_closed():
            for at, _, happen in events:
                self._pass(self.began + at)
                happen()
            self._pass(self.began + 86_400 * life.days)
        return self._bill()

    @property
    def unit_usd(self) -> float:
        """Dollars of one uncached read."""
        return self.tokens * INPUT_USD / 1e6

    @property
    def _environ(self) -> dict[str, str]:
        return self.world.environ | {
            "AWS_LAMBDA_FUNCTION_NAME": f"{NAME}-agent",
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "PREFIXWARM_PREFIXES": str(self.folder),
            "PREFIXWARM_INIT_HOLD_MS": "9000",
            "PREFIXWARM_INIT_USD_PER_WEEK": str(self.life.init_usd_per_week),
        }

    def _request(self) -> dict[str, Any]:
        marker = {"type": "ephemeral", "ttl": "5m" if self.life.agent_ttl == 300 else "1h"}
        text = f"You are version {self._versions}. " + "Answer what is asked of the order. " * 200
        return {
            "model": MODEL,
            "max_tokens": 16,
            "system": [{"type": "text", "text": text, "cache_control": marker}],
            "messages": [{"role": "user", "content": "Where is it?"}],
        }

    def _deploy(self) -> None:
        """A version of the prefix, whose file asks for an hour, as `capture` writes it."""
        self._versions += 1
        body = self._request()
        body["system"][0]["cache_control"] = {"type": "ephemeral", "ttl": "1h"}
        usd = {"input": 1.0, "read": self.life.read, "write_5m": 1.25, "write_1h": 2.0}
        prices = {
            "as_of": "2026-11-21",
            "source": "test",
            "usd_per_mtok": {"output": 10.0} | {k: v * INPUT_USD for k, v in usd.items()},
        }
        headers = {"anthropic-version": "2026-10-21"}
        derived = derive(body)
        self._file = prefix_file.build(NAME, derived, headers=headers, prices=prices)
        self._observer = None
        prefix_file.write(self._file, self.folder)
        entry = self.world.upload(NAME, prefix_file.dumps(self._file))
        key = f"{NAME}-{self._versions}.json"
        entry |= {"object": key}
        client = self.world.aws.client("s3")
        client.put_object(Bucket="assets", Key=key, Body=prefix_file.dumps(self._file).encode())
        self.world.deploy_entries([entry], policy="auto")
        self._tick(max(self.world.sim.now(), self._ticked + MINUTE))

    def _start(self) -> None:
        reading, writing = os.pipe()
        with redirect_stdout(StringIO()):
            init_phase.main(self._environ, writing, "on-demand", 9_000)
        os.close(reading)
        self._observer = None
        if self.life.observed:
            assert self._observe().flush(PATIENCE)

    def _observe(self) -> Observer:
        if self._observer is None:
            assert self._file
            self._observer = Observer([self._file], emit=lambda _: None, clock=self.world.now)
        return self._observer

    def _ask(self) -> None:
        body, observer, sent = self._request(), None, None
        if self.life.observed:
            observer = self._observe()
            sent = observer.begin(body, {"anthropic-version": "2026-10-21"})
        else:
            self.world.invoked(NAME)
        usage = usage_of(self.world.sim.url, body)
        if observer and sent:
            observer.end(sent, usage)
            assert observer.flush(PATIENCE)

    def _pass(self, until: float) -> None:
        """Tick in each minute before a moment in which something is due; then it is that moment."""
        while (due := self.world.next_due()) is not None:
            at = max(math.ceil(due / MINUTE) * MINUTE, self._ticked + MINUTE)
            if at >= until:
                break
            self._tick(at)
        self._advance(until)

    def _tick(self, at: float) -> None:
        self._advance(at)
        self._ticked = math.floor(at / MINUTE) * MINUTE
        self.world.tick()

    def _advance(self, to: float) -> None:
        if to > (now := self.world.sim.now()):
            self.world.sim.advance(to - now)

    def _bill(self) -> float:
        """From the provider's whole ledger: its log holds only the last requests."""
        for request in self.world.sim.requests():
            usage = request["usage"] or {}
            read, written = (usage.get(f"cache_{kind}_input_tokens", 0) for kind in _CACHED)
            self.tokens = max(self.tokens, read, written)
        billed = self.world.sim.ledger()["total"]
        prices = {"read": self.life.read, "write_5m": 1.25, "write_1h": 2.0}
        units = sum(billed[category] * price for category, price in prices.items())
        return units / self.tokens if self.tokens else 0.0


@contextmanager
def connections_closed() -> Iterator[None]:
    """Close the connections of starts and agents, which end with their processes elsewhere."""
    with ExitStack() as stack:

        def connected(*arguments: Any, **options: Any) -> Any:
            connections = connect(*arguments, **options)
            stack.callback(connections.transport.close)
            return connections

        for module in (context, installed):
            stack.enter_context(mock.patch.object(module, "connect", connected))
        yield
