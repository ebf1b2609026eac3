"""The parts that the extension's tests share; one set for each worker process."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from extension_bench import Bench, create_table, unzipped_layer, write_prefix

from prefixwarm.demo.local_aws import LocalAws
from prefixwarm.demo.tools import Tools
from prefixwarm.simulator import Latency, running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator import Simulator


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


@pytest.fixture
def bench(local_aws: LocalAws, simulator: Simulator, layer: Path, tmp_path: Path) -> Bench:
    """A fresh view: nothing cached, nothing recorded, warm states of its own."""
    simulator.reset()
    simulator.heal()
    return Bench(Tools(), local_aws, simulator, layer, tmp_path)
