"""Less CPU than the machine has: by affinity, and by quota where cgroups can be written."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["SHARES", "limited", "quota_possible"]

# Lambda gives 1 vCPU for each 1,769 MB: 512 MB are 0.29.
SHARES = {"2 cores": None, "1 core": 1.0, "0.29 vCPU": 0.29}
PERIOD_US = 20_000
ROOTS = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))


def quota_possible() -> bool:
    """Whether this user may make a group with a quota."""
    try:
        _group(0.5).rmdir()
    except OSError:
        return False
    return True


def _group(share: float) -> Path:
    root = next(r for r in ROOTS if (r / "cgroup.procs").exists())
    group = root / f"prefixwarm-{os.getpid()}"
    group.mkdir(exist_ok=True)
    quota = int(PERIOD_US * share)
    if (group / "cpu.max").exists():
        (group / "cpu.max").write_text(f"{quota} {PERIOD_US}")
    else:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(quota))
    return group


@contextmanager
def limited(name: str) -> Iterator[None]:
    """Whatever this process starts in here has that share, for its whole life."""
    share = SHARES[name]
    before = os.sched_getaffinity(0)
    group = _group(share) if share and share < 1 else None
    if share == 1.0:
        os.sched_setaffinity(0, {max(before)})
    if group:
        (group / "cgroup.procs").write_text(str(os.getpid()))
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        if group:
            (group.parent / "cgroup.procs").write_text(str(os.getpid()))
