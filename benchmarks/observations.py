"""Counts observations of environments that end at the answer: all of them should arrive.

Each environment runs AWS's runtime emulator with the layer and the anthropic SDK, answers one
request, and is killed as soon as the answer is there; nobody calls a flush.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests/integration/extension")]

from extension_bench import Bench, create_table, unzipped_layer, write_prefix  # noqa: E402
from observed_agents import OBSERVED, agent, with_sdk  # noqa: E402

from prefixwarm.local.emulator import Environment  # noqa: E402
from prefixwarm.local.local_aws import LocalAws  # noqa: E402
from prefixwarm.local.toolchain import Tools  # noqa: E402
from prefixwarm.simulator import Latency, running  # noqa: E402

if TYPE_CHECKING:
    from prefixwarm.local.emulated_function import Function

OFF = {"PREFIXWARM_INIT": "off", "PREFIXWARM_INIT_HOLD_MS": "0"}


def answered(function: Function, tools: Tools) -> float:
    """Run one environment until its answer; seconds from its start."""
    began = monotonic()
    with Environment(function, tools=tools) as environment:
        status = environment.invoke().status
        environment.kill()
    assert status == 200
    return monotonic() - began


def main() -> None:
    """Print how many of the observations arrived."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--environments", type=int, default=100)
    parser.add_argument("--at-once", type=int, default=2)
    options = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as work,
        LocalAws() as aws,
        running("real", latency=Latency(base=0.02, prefill_rate=100_000)) as provider,
    ):
        folder = Path(work)
        folder.chmod(0o755)
        create_table(aws)
        layer = unzipped_layer(folder, [write_prefix(folder / "prefixes", "support")])
        bench = Bench(Tools(), aws, provider, layer, folder)
        function = agent(bench, with_sdk(layer, folder / "sdk"), OBSERVED, **OFF)
        with ThreadPoolExecutor(options.at_once) as pool:
            took = list(
                pool.map(lambda _: answered(function, bench.tools), range(options.environments))
            )
        (state,) = bench.states()
    seconds = round(statistics.median(took), 2)
    counted = {"environments": len(took), "observed": int(state["requests"]), "seconds": seconds}
    print(json.dumps(counted))


if __name__ == "__main__":
    main()
