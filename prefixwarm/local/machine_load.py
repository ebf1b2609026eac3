"""How busy this machine is with other programs, as times that are measured on it depend on that."""

from __future__ import annotations

import os
import time
from pathlib import Path

_STAT = Path("/proc/stat")
_SPIN_SECONDS, _IDLE_SECONDS = 0.05, 0.15
# What one start keeps busy: the function's own init, and the layer beside it.
_CORES_OF_A_START = 1.7


def cores() -> int:
    """Processor cores that this process may use."""
    return len(os.sched_getaffinity(0))


def busy_cores() -> float:
    """Cores that other programs use in this moment; to be asked while our own ones are idle.

    From the kernel's own accounts, and from how much of a core a short loop gets: a container's
    limit shows in that alone.
    """
    began, before = time.monotonic(), _used_seconds()
    lost = _lost_share()
    time.sleep(_IDLE_SECONDS)
    elapsed = time.monotonic() - began
    used = (_used_seconds() - before - _SPIN_SECONDS) / elapsed
    return round(max(0.0, used, lost * cores()), 2)


def slows_starts(busy: float) -> bool:
    """Whether a start gets less than it could use where others use so many cores."""
    return cores() - busy < _CORES_OF_A_START


def _lost_share() -> float:
    """The share of its time that a loop does not run, although it could."""
    began, cpu = time.monotonic(), time.thread_time()
    while time.thread_time() - cpu < _SPIN_SECONDS:
        pass
    return 1 - _SPIN_SECONDS / max(_SPIN_SECONDS, time.monotonic() - began)


def _used_seconds() -> float:
    """Seconds of all cores together in which they were not idle; stolen ones count."""
    try:
        fields = _STAT.read_text().splitlines()[0].split()[1:9]
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, fields)
    except (OSError, ValueError, IndexError):
        return 0.0
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")
