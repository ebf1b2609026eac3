"""The parts that the extension's tests share; one set for each worker process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from extension_bench import (
    ANSWER,
    KEY,
    PROMPT,
    Bench,
    Started,
    create_table,
    unzipped_layer,
    write_prefix,
)
from observed_agents import with_sdk

from prefixwarm.local.local_aws import LocalAws
from prefixwarm.local.toolchain import Tools
from prefixwarm.simulator import Latency, running

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.local.emulated_function import Function
    from prefixwarm.simulator import Simulator

HOLD_MS = 3000
# A hold that is not kept lasts as long as the fault, which is ten seconds at least.
MARGIN_MS = 8000


@pytest.fixture(scope="session")
def local_aws() -> Iterator[LocalAws]:
    """The AWS API with the warm state's table."""
    with LocalAws() as aws:
        create_table(aws)
        yield aws


@pytest.fixture(scope="session")
def simulator() -> Iterator[Simulator]:
    """The provider, quick enough for tests and slow enough to overlap."""
    with running("real", latency=Latency(base=0.02, prefill_rate=100_000)) as provider:
        yield provider


@pytest.fixture(scope="session")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The built layer with the prefix ``support``."""
    folder = tmp_path_factory.mktemp("layer")
    folder.chmod(0o755)
    return unzipped_layer(folder, [write_prefix(folder / "prefixes", "support")])


@pytest.fixture(scope="session")
def sdk(layer: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The layer and one with the SDK, as agents have it."""
    return with_sdk(layer, tmp_path_factory.mktemp("sdk"))


@pytest.fixture
def bench(local_aws: LocalAws, simulator: Simulator, layer: Path, tmp_path: Path) -> Bench:
    """A fresh view: nothing cached, nothing recorded, warm states of its own."""
    simulator.reset()
    simulator.heal()
    return Bench(Tools(), local_aws, simulator, layer, tmp_path)


@pytest.fixture
def harmless(bench: Bench) -> Callable[[Function], Started]:
    """Start a function with the layer, and check what must hold in every cell."""

    def check(function: Function, **options: Any) -> Started:
        started = bench.start(function, {"n": 1}, **options)
        assert (started.answer.status, started.answer.payload) == (200, ANSWER)
        assert started.answer.init_ms is not None
        hold_ms = function.env.get("PREFIXWARM_INIT_HOLD_MS", "")
        assert started.answer.init_ms < MARGIN_MS + (int(hold_ms) if hold_ms.isdigit() else HOLD_MS)
        assert KEY not in started.log
        assert PROMPT.split(".")[0] not in started.log
        assert "Traceback" not in started.log
        return started

    return check
