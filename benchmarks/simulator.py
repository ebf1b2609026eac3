"""Measure the simulator: requests per second, memory of many entries, time to start.

Needs wrk (https://github.com/wg/wrk). Usage: python benchmarks/simulator.py [SECONDS]
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.simulator.cache import Cache, CacheEffect, Write
from prefixwarm.simulator.settings import Switches

if TYPE_CHECKING:
    from collections.abc import Iterator

_HERE = Path(__file__).parent
_COMMAND = [str(Path(sys.executable).with_name("prefixwarm")), "simulator", "--base", "0"]
_NO_LATENCY = ["--prefill-rate", "inf", "--read-rate", "inf", "--output-rate", "inf"]
_ENTRIES = 100_000


@contextmanager
def server() -> Iterator[tuple[str, float, int]]:
    """Start one server process; yields its URL, the seconds it took and its process id."""
    began = time.monotonic()
    with subprocess.Popen(_COMMAND + _NO_LATENCY, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        url = json.loads(process.stdout.readline())["url"]
        try:
            yield url, time.monotonic() - began, process.pid
        finally:
            process.terminate()


def load(url: str, seconds: int) -> dict[str, float]:
    """Let wrk ask as fast as it can."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise SystemExit("wrk is not installed: apt install wrk")
    command = [wrk, "-t1", "-c32", f"-d{seconds}s", "-s", str(_HERE / "simulator.lua"), url]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return dict(json.loads(output.strip().splitlines()[-1]))


def resident_megabytes(pid: int | str) -> float:
    """Read a process's resident memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


def fill() -> float:
    """Put 100,000 live entries into a cache; returns this process's megabytes."""
    cache = Cache()
    owner = ("anthropic", "organization", "workspace", "claude-sonnet-5-5")
    for number in range(_ENTRIES):
        effect = CacheEffect(total=20_000, writes=[Write(number.to_bytes(16, "big"), 20_000, "1h")])
        start = 1_800_000_000.0 + number / 1000
        cache.commit(effect, owner=owner, start=start, available_at=start + 1, switches=Switches())
    assert len(cache) == _ENTRIES
    return resident_megabytes("self")


def main() -> None:
    """Print one JSON object."""
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    with server() as (url, start_seconds, pid):
        result = load(url, seconds)
        megabytes = resident_megabytes(pid)
    report = {
        "start_seconds": round(start_seconds, 3),
        "requests_per_second": round(result["requests"] / result["seconds"]),
        "errors": result["errors"],
        "p50_ms": result["p50_ms"],
        "p99_ms": result["p99_ms"],
        "server_megabytes": round(megabytes),
        "megabytes_with_100k_entries": round(fill()),
    }
    print(json.dumps(report, indent=2))


if __name__ == "__main__":
    main()
