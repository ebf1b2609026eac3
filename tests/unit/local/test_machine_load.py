"""How busy the machine is, from the kernel's own accounts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

from prefixwarm.local import machine_load

if TYPE_CHECKING:
    from pathlib import Path


def stat(folder: Path, seconds: float) -> Path:
    """Accounts in which all cores together were busy for so long, half of it stolen."""
    half = int(seconds * os.sysconf("SC_CLK_TCK") / 2)
    file = folder / "stat"
    file.write_text(f"cpu  {half} 0 0 123456 5 0 0 {half} 0 0\ncpu0 1 2 3\n")
    return file


def test_stolen_time_counts_as_use(tmp_path: Path) -> None:
    """What another machine takes is not there."""
    assert machine_load.used_seconds(stat(tmp_path, 8.0)) == pytest.approx(8.0)


def test_cores_in_use_follow_from_two_readings() -> None:
    """The loop of our own is no use of others."""
    assert machine_load.cores_of_others(used=0.65, elapsed=0.4, lost=0.0) == 1.5
    assert machine_load.busy_cores() >= 0.0


def test_a_loop_that_is_held_up_shows_a_limit() -> None:
    """A container's share is in no account of the kernel's."""
    busy = machine_load.cores_of_others(used=0.0, elapsed=0.4, lost=0.5)
    assert busy == machine_load.cores() * 0.5


def test_machine_without_accounts_is_taken_for_idle(tmp_path: Path) -> None:
    """Nothing fails because of it."""
    assert machine_load.used_seconds(tmp_path / "none") == 0.0


def test_start_needs_more_than_one_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """The function's own init, and the layer beside it."""
    monkeypatch.setattr(machine_load, "cores", lambda: 2)
    assert not machine_load.slows_starts(0.25)
    assert machine_load.slows_starts(0.5)
