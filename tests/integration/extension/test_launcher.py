"""The launcher against a fake Extensions API: whatever fails in it, it ends up in `next`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from typing import TYPE_CHECKING

import pytest
from fake_lambda import FakeLambda, installed

from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OFF = {"PREFIXWARM_INIT": "off"}


@pytest.fixture
def launcher(layer: Path, tmp_path: Path) -> Path:
    """The built layer's launcher."""
    return installed(layer, tmp_path)


def test_it_registers_for_shutdown_and_leaves_with_it(launcher: Path) -> None:
    """One registration, one `next`, exit status 0, one line."""
    with FakeLambda() as fake:
        life = fake.run(launcher, OFF)
        assert fake.paths == ["register", "next"]
    assert (life.initialized, life.status) == (True, 0)
    assert json.loads(life.output)["reason"] == "off by PREFIXWARM_INIT"


def test_the_functions_environment_is_not_taken_for_its_own(launcher: Path) -> None:
    """Variables of the function may have any name."""
    names = ("id", "child", "signal", "status", "python", "home", "ms", "name", "value", "line")
    with FakeLambda() as fake:
        life = fake.run(launcher, {**OFF, **dict.fromkeys(names, "1")})
    assert (life.initialized, life.status) == (True, 0)
    assert json.loads(life.output)["reason"] == "off by PREFIXWARM_INIT"


def test_the_functions_environment_does_not_steer_the_shell(launcher: Path, tmp_path: Path) -> None:
    """Neither start-up files, nor options, nor functions, nor a locale with its own letters."""
    (tmp_path / "start-up").write_text("exit 9\n")
    odd = {
        "BASH_ENV": str(tmp_path / "start-up"),
        "SHELLOPTS": "errexit:nounset:noexec",
        "BASH_FUNC_printf%%": "() { exit 9; }",
        "POSIXLY_CORRECT": "1",
        "LC_ALL": "tr_TR.UTF-8",
    }
    with FakeLambda() as fake:
        life = fake.run(launcher, {**OFF, **odd})
    assert (life.initialized, life.status) == (True, 0)
    assert json.loads(life.output.splitlines()[-1])["reason"] == "off by PREFIXWARM_INIT"


def test_where_events_are_refused_it_registers_for_none(launcher: Path) -> None:
    """A registration without events is enough to idle."""
    with FakeLambda(refuse=("SHUTDOWN",)) as fake:
        assert fake.run(launcher, OFF).initialized
        assert fake.paths == ["register", "register", "next"]


def test_a_bash_without_sockets_leaves_the_life_cycle_to_python(
    layer: Path, tmp_path: Path
) -> None:
    """Some builds of bash have no ``/dev/tcp``."""
    text = (layer / "extensions" / "prefixwarm").read_text().replace("/dev/tcp/", "/dev/none/")
    with FakeLambda() as fake:
        life = fake.run(installed(layer, tmp_path, text), OFF)
        assert fake.paths == ["register", "next"]
    assert (life.initialized, life.status) == (True, 0)
    assert "cannot register" in life.output


def test_without_python_there_is_no_gate_to_ask_for(launcher: Path, tmp_path: Path) -> None:
    """Where nothing is held, nothing is asked for either."""
    programs = tmp_path / "programs"
    programs.mkdir()
    for name in ("bash", "sleep"):
        (programs / name).symlink_to(shutil.which(name) or name)
    env = {
        "PATH": str(programs),
        "PREFIXWARM_ASK": "keepwarm",
        "PREFIXWARM_INIT_HOLD_MS": " 0 ",
        "PREFIXWARM_GATE_MS": "2000",
    }
    with FakeLambda() as fake:
        life = fake.run(launcher, env)
    assert (life.initialized, life.status) == (True, 0)
    assert json.loads(life.output)["reason"] == "first request will write: the hold is 0"


@pytest.mark.parametrize("seconds", ["0.08", "0.98", "12345.09"])
def test_a_machine_that_has_just_started_is_no_octal_number(launcher: Path, seconds: str) -> None:
    """Some hundredths of a second after its start."""
    script = f"""read() {{ printf -v "$2" %s {seconds}; }}
    eval "$(sed -n '/^uptime()/,/^}}/p' {launcher})"
    uptime; echo $((now + 1))"""
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
    assert int(done.stdout) == round(float(seconds) * 100) + 1


@pytest.mark.parametrize("mode", [{}, {"POSIXLY_CORRECT": "1"}])
@pytest.mark.parametrize("runtime", ["", "127.0.0.1:1", "nonsense"])
def test_without_an_api_it_gives_up(launcher: Path, runtime: str, mode: Mapping[str, str]) -> None:
    """There is nothing to idle in; it says so and does not spin."""
    env = {"PATH": os.environ["PATH"], "AWS_LAMBDA_RUNTIME_API": runtime, **mode}
    done = subprocess.run([launcher], env=env, capture_output=True, text=True, timeout=PATIENCE)
    assert "cannot register" in done.stdout


def test_a_full_disk_costs_nothing(launcher: Path) -> None:
    """The mark of a first start cannot be written, and is done without."""
    (launcher.parent / "started").symlink_to("/dev/full/nowhere")
    with FakeLambda() as fake:
        life = fake.run(launcher, OFF)
    assert (life.initialized, life.status) == (True, 0)
    assert len(life.output.splitlines()) == 1


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("exit 7", "the warm process ended without a signal (status 7)"),
        ("kill -9 $$", "the warm process ended without a signal (status 137)"),
        ("kill -11 $$", "the warm process ended without a signal (status 139)"),
        ("exec 3>&-; sleep 0.2", "the warm process ended without a signal (status 0)"),
    ],
)
def test_a_broken_interpreter_is_named(
    layer: Path, tmp_path: Path, program: str, reason: str
) -> None:
    """Whatever `python3` turns out to be."""
    fake_python = tmp_path / "bin" / "python3"
    fake_python.parent.mkdir()
    fake_python.write_text(f"#!/bin/bash\n{program}\n")
    fake_python.chmod(0o755)
    text = (layer / "extensions" / "prefixwarm").read_text()
    launcher = installed(layer, tmp_path, text.replace("/var/lang/bin/python3", str(fake_python)))
    with FakeLambda() as fake:
        life = fake.run(launcher, {})
    assert (life.initialized, life.status) == (True, 0)
    assert json.loads(life.output)["reason"] == reason


@pytest.mark.parametrize("closes", ["exec 3>&-", "echo >&3; exec 3>&-", "echo >&3"])
def test_a_wrapper_that_lives_on_holds_nobody(layer: Path, tmp_path: Path, closes: str) -> None:
    """It has closed its end of the pipe, or said nothing; the function starts all the same."""
    fake_python = tmp_path / "python3"
    fake_python.write_text(f"#!/bin/bash\n{closes}\nexec sleep 600\n")
    fake_python.chmod(0o755)
    text = (layer / "extensions" / "prefixwarm").read_text()
    launcher = installed(layer, tmp_path, text.replace("/var/lang/bin/python3", str(fake_python)))
    with FakeLambda() as fake:
        life = fake.run(launcher, {"PREFIXWARM_INIT_HOLD_MS": "500"})
    assert (life.initialized, life.status) == (True, 0)
    assert "without a signal, and lives on" in life.output


@pytest.mark.parametrize(
    "limit", ["30s", "08", "1.5", "-3", "a[$(touch MARK)]", "$(touch MARK)", "9" * 30]
)
def test_a_time_out_is_read_as_digits(tmp_path: Path, launcher: Path, limit: str) -> None:
    """It is never evaluated; what is no number counts as none."""
    mark = tmp_path / "mark"
    limit = limit.replace("MARK", str(mark))
    with FakeLambda() as fake:
        life = fake.run(launcher, {**OFF, "AWS_LAMBDA_FUNCTION_TIMEOUT": limit})
    assert (life.initialized, life.status) == (True, 0)
    assert len(life.output.splitlines()) == 1
    assert not mark.exists()


def test_a_shell_time_out_ends_no_wait(launcher: Path) -> None:
    """`TMOUT` is the default time-out of `read`: `next` would be asked anew every second."""
    with FakeLambda() as fake:
        life = fake.run(launcher, {**OFF, "TMOUT": "1"}, idle=2.5)
        assert fake.paths == ["register", "next"]
    assert (life.initialized, life.status) == (True, 0)


def test_a_child_that_hangs_is_left_behind_at_the_holds_end(layer: Path, tmp_path: Path) -> None:
    """Even one that never becomes Python; the line is written when the environment ends."""
    fake_python = tmp_path / "python3"
    fake_python.write_text("#!/bin/bash\nexec sleep 60\n")
    fake_python.chmod(0o755)
    text = (layer / "extensions" / "prefixwarm").read_text()
    launcher = installed(layer, tmp_path, text.replace("/var/lang/bin/python3", str(fake_python)))
    with FakeLambda() as fake:
        life = fake.run(launcher, {"PREFIXWARM_INIT_HOLD_MS": "100"})
    assert (life.initialized, life.status) == (True, 0)
    assert "the environment ended before the warm process signalled" in life.output


def test_sources_stand_in_where_there_is_no_bytecode(layer: Path, tmp_path: Path) -> None:
    """Another Python than those the layer was built with costs time only."""
    (tmp_path / "code").mkdir()
    shutil.copy(layer / "prefixwarm" / "code" / "sources", tmp_path / "code")
    program = shutil.copy(layer / "prefixwarm" / "bootstrap.py", tmp_path)
    done = subprocess.run(
        ["bash", "-c", f"{sys.executable} -I -S -B {program} 1000 3>&1"],
        env={"PATH": os.environ["PATH"], **OFF},
        capture_output=True,
        text=True,
    )
    assert "off by PREFIXWARM_INIT" in done.stdout
    assert done.stderr == ""
