"""Less CPU than the machine has, by affinity and by quota; and the CPU ahead of other work.

Both need cgroups that can be written; where they cannot, everything runs as it is.
"""

from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


# Lambda gives 1 vCPU for each 1,769 MB: 512 MB are 0.29.
SHARES = {"2 cores": None, "1 core": 1.0, "0.29 vCPU": 0.29}
PERIOD_US = 20_000
ROOTS = (Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup"))


def quota_possible() -> bool:
    """Whether this user may make a group with a quota."""
    try:
        _group("probe", 0.5).rmdir()
    except (OSError, StopIteration):
        return False
    return True


@contextmanager
def ahead_of_others() -> Iterator[None]:
    """Whatever this process starts in here gets its CPU before the machine's other work."""
    if not quota_possible():
        yield
        return
    group = _group("ahead", None)
    _enter(group)
    try:
        yield
    finally:
        _enter(group.parent)
        for other in group.parent.glob(f"prefixwarm-{os.getpid()}-*"):
            with suppress(OSError):
                other.rmdir()


@contextmanager
def limited(name: str) -> Iterator[None]:
    """Whatever this process starts in here has that share, for its whole life."""
    share = SHARES[name]
    before = os.sched_getaffinity(0)
    group = _group("quota", share) if share and share < 1 else None
    if share == 1.0:
        os.sched_setaffinity(0, {max(before)})
    if group:
        _enter(group)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
        if group:
            _enter(_group("ahead", None))


def _group(name: str, share: float | None) -> Path:
    """A group that goes before others, with at most this share of a core."""
    root = next(r for r in ROOTS if (r / "cgroup.procs").exists())
    group = root / f"prefixwarm-{os.getpid()}-{name}"
    group.mkdir(exist_ok=True)
    quota = int(PERIOD_US * share) if share else None
    if (group / "cpu.max").exists():
        (group / "cpu.weight").write_text("10000")
        (group / "cpu.max").write_text(f"{quota or 'max'} {PERIOD_US}")
    else:
        (group / "cpu.shares").write_text("262144")
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(quota or -1))
    return group


def _enter(group: Path) -> None:
    (group / "cgroup.procs").write_text(str(os.getpid()))
