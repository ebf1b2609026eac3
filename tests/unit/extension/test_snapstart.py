"""The hook after a SnapStart restore, called directly: no emulator restores a snapshot."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType

import pytest

from prefixwarm.local.toolchain import Tools
from prefixwarm_extension import snapstart
from tests.helpers.waiting import until

PROGRAM = """
import os, sys, time
print("started", *sys.argv[1:], flush=True)
{work}
os.write(3, b"next\\n")
"""


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What is registered with a stand-in for the runtime's module."""
    hooks: list[object] = []
    runtime = ModuleType("snapshot_restore_py")
    runtime.register_after_restore = hooks.append  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", runtime)
    return hooks


def test_the_import_registers_the_hook_under_snap_start_alone(
    registered: list[object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Elsewhere the launcher warms, and the import does nothing."""
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand")
    importlib.reload(snapstart)
    assert registered == []
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    importlib.reload(snapstart)
    assert registered == [snapstart.warm_after_restore]


def test_the_real_module_of_the_runtime_takes_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same package that Lambda's Python runtimes contain."""
    monkeypatch.syspath_prepend(Tools().runtime(Path(sys.base_prefix)))
    snapshot = importlib.import_module("snapshot_restore_py")
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    importlib.reload(snapstart)
    functions = [entry[0] for entry in snapshot.get_after_restore()]
    assert snapstart.warm_after_restore in functions


def test_without_the_runtimes_module_nothing_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as in a container image without it."""
    monkeypatch.setitem(sys.modules, "snapshot_restore_py", None)
    monkeypatch.setenv("AWS_LAMBDA_INITIALIZATION_TYPE", "snap-start")
    importlib.reload(snapstart)


def child(monkeypatch: pytest.MonkeyPatch, folder: Path, work: str) -> None:
    """Let the hook start this program."""
    program = folder / "bootstrap.py"
    program.write_text(PROGRAM.format(work=work))
    monkeypatch.setattr(snapstart, "START", str(program))


def test_the_hook_waits_for_the_childs_word(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """Which is told that it runs after a restore, and for how long it is waited for."""
    monkeypatch.setenv("PREFIXWARM_INIT_HOLD_MS", "8000")
    child(monkeypatch, tmp_path, f"open({str(tmp_path / 'done')!r}, 'w')")
    snapstart.warm_after_restore()
    assert (tmp_path / "done").exists()
    assert capfd.readouterr().out == "started 8000 restored\n"


def test_the_hook_leaves_a_child_that_hangs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """At the hold's end, while the child goes on."""
    monkeypatch.setenv("PREFIXWARM_INIT_HOLD_MS", "100")
    go_on, done = tmp_path / "go-on", tmp_path / "done"
    wait = f"\nwhile not os.path.exists({str(go_on)!r}): time.sleep(0.01)\n"
    child(monkeypatch, tmp_path, wait + f"open({str(done)!r}, 'w')")
    snapstart.warm_after_restore()
    assert not done.exists()
    go_on.touch()
    until(done.exists)


def test_the_hook_does_not_wait_for_a_child_that_dies(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Its end of the pipe is closed with it."""
    monkeypatch.setenv("PREFIXWARM_INIT_HOLD_MS", "9000")
    child(monkeypatch, tmp_path, "os.kill(os.getpid(), 9)")
    snapstart.warm_after_restore()


def test_a_hook_that_cannot_start_anything_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It never raises: a failed hook would fail the restore."""
    monkeypatch.setattr(sys, "executable", "/nowhere/python3")
    snapstart.warm_after_restore()
    assert '"reason":"FileNotFoundError in the hook"' in capsys.readouterr().out
