"""The library needs nothing but the standard library, on every Python that it supports."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

ROOT = Path(__file__).parents[3]
CODE = """
import asyncio, sys, tempfile
from pathlib import Path
from prefixwarm import AsyncWarmer, AsyncWarmSchedule, Prefix, Warmer, WarmSchedule
from prefixwarm.testing import RecordingTransport, simulator

prefix = Prefix("support", model="claude-sonnet-5-5", system="x" * 9000)
store = Path(tempfile.mkdtemp()) / "state.json"
with WarmSchedule(Warmer(RecordingTransport(), prefix, store=store)) as schedule:
    print(schedule.wait_until_warm(timeout=60), schedule.status("support").cost_usd is not None)

async def main():
    async with AsyncWarmSchedule(AsyncWarmer(RecordingTransport(), prefix)) as schedule:
        print(await schedule.wait_until_warm(timeout=60))

asyncio.run(main())
try:
    simulator()
except Exception as error:
    print(error)
"""


@pytest.mark.parametrize("minor", ["3.10", "3.11", "3.12", "3.13", "3.14"])
def test_nothing_else_is_needed(minor: str, interpreter: Callable[[str], str]) -> None:
    """Without site packages, and with every warning an error."""
    ran = subprocess.run(
        [interpreter(minor), "-W", "error", "-S", "-c", CODE],
        env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    assert ran.stderr == ""
    *warm, missing = ran.stdout.splitlines()
    assert warm == ["True True", "True"]
    assert missing == "the simulator needs orjson: pip install 'prefixwarm[simulator]'"
