"""Measures how busy other programs keep this machine, which affects measured times."""

from __future__ import annotations

import os
import time
from pathlib import Path

_STAT = Path("/proc/stat")
_SPIN_SECONDS, _IDLE_SECONDS = 0.05, 0.15
# One start uses two cores: the function's own init, and the layer beside it.
_CORES_OF_A_START = 1.7


def cores() -> int:
    """Number of processor cores available to this process."""
    return len(os.sched_getaffinity(0))


def busy_cores() -> float:
    """Number of cores that other programs use now; call it while ours are idle.

    Uses the kernel's accounting and the share of a core that a short loop gets; only the loop shows
    a container's limit.
    """
    began, before = time.monotonic(), used_seconds()
    lost = _lost_share()
    time.sleep(_IDLE_SECONDS)
    return cores_of_others(used_seconds() - before, time.monotonic() - began, lost)


def cores_of_others(used: float, elapsed: float, lost: float) -> float:
    """Cores that others use, from busy seconds of all cores while some elapsed, ours among them.

    `lost` is the share of time in which a ready loop of ours did not run.
    """
    return round(max(0.0, (used - _SPIN_SECONDS) / elapsed, lost * cores()), 2)


def slows_starts(busy: float) -> bool:
    """Whether this load leaves a start less than it could use."""
    return cores() - busy < _CORES_OF_A_START


def _lost_share() -> float:
    """Share of time in which a ready loop does not run."""
    began, cpu = time.monotonic(), time.thread_time()
    while time.thread_time() - cpu < _SPIN_SECONDS:
        pass
    return 1 - _SPIN_SECONDS / max(_SPIN_SECONDS, time.monotonic() - began)


def used_seconds(accounts: Path = _STAT) -> float:
    """Busy seconds summed over all cores, stolen time included."""
    try:
        fields = accounts.read_text().splitlines()[0].split()[1:9]
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    except (OSError, ValueError, IndexError):
        return 0.0
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
