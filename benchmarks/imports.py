"""Measures each module that the init phase avoids, and its replacement.

Counts the instructions of ``import NAME`` beyond those of an interpreter that imports nothing, by
callgrind: repeatable, whatever else the machine does. Prints the table of the README in
prefixwarm/wire. Needs valgrind.

``--library`` prints instead what the library's names cost, in milliseconds of CPU time beyond those
of an interpreter that imports nothing.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
# Each avoided module, and our module with the small part that warm calls need.
AVOIDED = {
    "dataclasses": "record",
    "json": "accelerated",
    "hashlib, hmac": "accelerated",
    "socket, ssl": "sockets",
    "http.client": "http",
    "urllib.parse": "url",
    "urllib.request": "http",
    "typing": "",
    "pathlib": "",
    "re": "",
    "datetime": "",
    "logging": "",
    "boto3": "aws",
}


def instructions(code: str) -> int:
    """Instructions that an isolated interpreter takes for this code."""
    with tempfile.NamedTemporaryFile() as out:
        tool = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out.name}"]
        command = [*tool, sys.executable, "-I", *(() if "boto3" in code else ("-S",)), "-c", code]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    counted = re.search(r"Collected\s*:\s*(\d+)", done.stderr)
    assert counted is not None, done.stderr
    return int(counted[1])


def price(names: str, bare: dict[bool, int]) -> float:
    """Millions of instructions for importing these modules."""
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r}); "
    site = "boto3" in names
    if site not in bare:
        bare[site] = instructions(path + ("'boto3'" if site else "pass"))
    return (instructions(f"{path}import {names}") - bare[site]) / 1e6


LIBRARY = (
    "from prefixwarm import Prefix, Warmer, WarmSchedule",
    "from prefixwarm import AsyncWarmer, AsyncWarmSchedule",
    "from prefixwarm import *",
    "import asyncio",
    "import boto3",
    "import anthropic",
)
_REPETITIONS = 15


def milliseconds(code: str) -> float:
    """CPU time of an interpreter that runs this code, the least of several."""
    times = []
    for _ in range(_REPETITIONS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        times.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(times) * 1000


def library() -> None:
    """Print what the library's names cost, beside the clients that they do not load."""
    bare = milliseconds("pass")
    print("| | CPU time, ms |\n|---|---:|")
    for code in LIBRARY:
        print(f"| `{code}` | {milliseconds(code) - bare:,.0f} |")


def main() -> None:
    """Print the table."""
    bare: dict[bool, int] = {}
    version = ".".join(map(str, sys.version_info[:2]))
    print(f"Millions of instructions, CPython {version}:\n")
    print("| module | costs | in its place | costs |\n|---|---:|---|---:|")
    for names, ours in AVOIDED.items():
        cost = f"{price(names, bare):,.0f}"
        instead = f"{price(f'prefixwarm.wire.{ours}', bare):,.0f}" if ours else ""
        print(f"| `{names}` | {cost} | {f'`{ours}`' if ours else 'not needed'} | {instead} |")


if __name__ == "__main__":
    library() if "--library" in sys.argv else main()
