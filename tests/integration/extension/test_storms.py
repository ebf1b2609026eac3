"""Storms of real extension processes, of which one is killed as it makes the warm call."""

from __future__ import annotations

import json
import os
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest
from extension_bench import changed_layer

from tests.helpers.effort import chosen
from tests.helpers.table_server import TableServer

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from extension_bench import Bench

    from tests.conftest import Tried

# Processes in a storm; storms with a kill before or after sending, and of each other kind.
PROCESSES, TIMES, OTHERS = chosen(dev=(12, 1, 1), ci=(20, 1, 1), full=(100, 20, 5))
MINUTES = 60.0
# What each process runs before the layer's own work: its clock, the kill, and the barrier.
PRELUDE = """
import os, time
_skew, _real = float(os.environ["STORM_SKEW"]), time.time
time.time = lambda: _real() + _skew
import prefixwarm.wire.http as _http
import prefixwarm_extension.main
_ask, _when, _victim = _http._ask, os.environ["STORM_KILL"], os.environ["STORM_VICTIM"]

def _die():
    try:
        os.close(os.open(_victim, os.O_CREAT | os.O_EXCL))
    except FileExistsError:
        return
    os.kill(os.getpid(), 9)

def _killed(connection, head, request, reader):
    progress = request.progress
    if progress is not None:
        def follow(*, sent):
            if _when == ("sent" if sent else "before"):
                _die()
            progress(sent=sent)
            if sent and _when == "told":
                _die()
        request = request.replace(progress=follow)
    return _ask(connection, head, request, reader)

_http._ask = _killed
os.write(1, b"ready\\n")
os.read(0, 1)
"""


@pytest.fixture
def storm_layer(layer: Path, tmp_path: Path) -> Path:
    """The layer, whose bootstrap loads its modules and then waits for the start of the storm."""
    source = (layer / "prefixwarm" / "bootstrap.py").read_text()
    place = "at_shutdown = "
    assert place in source
    source = source.replace(place, PRELUDE + place)
    return changed_layer(layer, tmp_path, {"prefixwarm/bootstrap.py": source})


@pytest.fixture
def table() -> Iterator[TableServer]:
    """A quick table."""
    with TableServer() as server:
        yield server


class Storm:
    """Processes that start together; `lines` is what the survivors logged."""

    def __init__(self, bench: Bench, layer: Path, table: TableServer, kill: str) -> None:
        self.lines: list[dict[str, Any]] = []
        self._bench = bench
        self._home = layer / "prefixwarm"
        self._env = {
            **bench.plain().environment(),
            "PREFIXWARM_INIT_HOLD_MS": "3000",
            "PREFIXWARM_PREFIXES": str(self._home / "prefixes"),
            "AWS_ENDPOINT_URL_DYNAMODB": table.url,
            "STORM_KILL": kill,
            "STORM_VICTIM": str(bench.folder / "victim"),
        }

    def run(self, skews: list[float]) -> float:
        """Start them, release them together; seconds until the last one has ended."""
        command = [sys.executable, "-I", "-S", "-OO", str(self._home / "bootstrap.py"), "3000"]
        reading, writing = os.pipe()
        # As descriptor 3 the processes want the pipe to their launcher.
        with ExitStack() as opened:
            null = opened.enter_context(open(os.devnull, "wb"))
            processes = [
                subprocess.Popen(
                    ["bash", "-c", f'exec "$@" 3>&{null.fileno()}', "-", *command],
                    env={**self._env, "STORM_SKEW": str(skew)},
                    stdin=reading,
                    stdout=subprocess.PIPE,
                    pass_fds=(null.fileno(),),
                )
                for skew in skews
            ]
        for process in processes:
            assert process.stdout is not None
            assert process.stdout.readline() == b"ready\n"
        began = time.monotonic()
        os.close(writing)
        os.close(reading)
        outputs = [process.communicate()[0] for process in processes]
        self.lines = [json.loads(line) for text in outputs for line in text.splitlines()]
        assert sorted(process.returncode for process in processes)[1:] == [0] * (len(skews) - 1)
        return time.monotonic() - began

    def writes(self) -> int:
        """Calls that wrote the entry, by the provider's own account."""
        calls = self._bench.warm_calls()
        return sum(call["usage"]["cache_creation_input_tokens"] > 0 for call in calls)


@pytest.mark.parametrize("kill", ["before", "sent", "told", "nobody"])
@pytest.mark.parametrize("clocks", ["right", "wrong"])
def test_a_storm_writes_once_or_twice(
    bench: Bench, storm_layer: Path, table: TableServer, kill: str, clocks: str, tried: Tried
) -> None:
    """Whoever is killed when, and however wrong the clocks are, by ten minutes to either side."""
    written = []
    times = TIMES if clocks == "right" and kill in ("before", "sent") else OTHERS
    for number in range(times):
        table.items.clear()
        bench.provider.reset()
        bench.provider.inject(kind="slow", seconds=0.5, match={"warm": True})
        (bench.folder / "victim").unlink(missing_ok=True)
        draw = random.Random(f"{kill}/{number}")
        off = 10 * MINUTES if clocks == "wrong" else 0.0
        storm = Storm(bench, storm_layer, table, kill)
        storm.run([draw.uniform(-off, off) for _ in range(PROCESSES)])
        assert (bench.folder / "victim").exists() is (kill != "nobody")
        assert len(storm.lines) == PROCESSES - (kill != "nobody")
        written.append(storm.writes())
    tried(PROCESSES * times, f"processes in storms, {kill} killed, clocks {clocks}: {written}")
    assert all(1 <= count <= 2 for count in written), written
    if kill == "nobody":
        assert set(written) == {1}
