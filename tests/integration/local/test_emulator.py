"""The runtime emulator in its namespaces, with real functions and extensions."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from prefixwarm.local.emulated_function import MANAGED_INSTANCES, Function
from prefixwarm.local.emulator import Environment
from prefixwarm.local.errors import LocalCloudError
from tests.helpers.waiting import until

if TYPE_CHECKING:
    from prefixwarm.local.toolchain import Tools


def test_invokes_the_handler_and_reports_the_init_phase_once(
    function: Function, tools: Tools
) -> None:
    """The first invocation carries the init phase and its log, the second does not."""
    with Environment(function, tools=tools) as environment:
        first = environment.invoke({"n": 1})
        second = environment.invoke({"n": 2})
    assert (first.status, first.payload["event"]) == (200, {"n": 1})
    assert first.init_ms is not None
    assert first.init_ms > 0
    assert "module loaded" in first.log
    assert second.init_ms is None
    assert "module loaded" not in second.log
    assert "handled {'n': 2}" in second.log


def test_environment_is_lambdas_and_the_functions_only(
    function: Function, tools: Tools, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the host's environment gets in; what Lambda promises is there."""
    monkeypatch.setenv("HOST_SECRET", "hidden")
    with Environment(function.having(MINE="1"), tools=tools) as environment:
        answer = environment.invoke().payload
    seen = answer["env"]
    assert "HOST_SECRET" not in seen
    assert "HOME" not in seen
    assert seen["MINE"] == "1"
    assert seen["AWS_LAMBDA_FUNCTION_NAME"] == "trivial"
    assert seen["AWS_LAMBDA_INITIALIZATION_TYPE"] == "on-demand"
    assert seen["LAMBDA_TASK_ROOT"] == "/var/task"
    assert 0 < answer["remaining_ms"] <= 30_000


def test_init_waits_for_the_extension_which_is_told_to_shut_down(
    function: Function, extension_layer: Path, tools: Tools
) -> None:
    """The real Extensions API: init lasts as long as the extension's, and SHUTDOWN arrives."""
    with Environment(replace(function, layers=(extension_layer,)), tools=tools) as environment:
        answer = environment.invoke()
        log = environment.close()
    assert answer.init_ms is not None
    assert answer.init_ms >= 300
    assert "extension: initialized as on-demand" in answer.log
    assert log.index("SHUTDOWN") < log.index("extension: over")


@pytest.mark.parametrize("kind", ["provisioned-concurrency", "lambda-managed-instances"])
def test_extension_sees_why_the_environment_starts(
    function: Function, extension_layer: Path, tools: Tools, kind: str
) -> None:
    """The initialization type reaches the extension, and the function answers."""
    if kind == MANAGED_INSTANCES and os.geteuid():
        pytest.skip("only root can start managed instances")
    layered = replace(function, layers=(extension_layer,), init_type=kind)
    with Environment(layered, tools=tools) as environment:
        assert environment.invoke(1).payload["event"] == 1
        assert f"extension: initialized as {kind}" in environment.log


def test_later_layers_win_over_earlier_ones(
    function: Function, tmp_path: Path, tools: Tools
) -> None:
    """Layers are merged in order, and ``/opt/python`` is importable."""
    for number in ("1", "2"):
        (tmp_path / number / "python").mkdir(parents=True)
        (tmp_path / number / "python" / "shared.py").write_text(f"WHO = {number}")
        (tmp_path / number / f"only{number}").touch()
    code = "import os, shared\ndef handler(e, c): return [shared.WHO, sorted(os.listdir('/opt'))]"
    (function.code / "handler.py").write_text(code)
    layered = replace(function, layers=(tmp_path / "1", tmp_path / "2"))
    with Environment(layered, tools=tools) as environment:
        assert environment.invoke().payload == [2, ["only1", "only2", "python"]]


@pytest.mark.parametrize("folder", ["/opt", "/var/task", "/var/lang", "/var/runtime", "/"])
def test_only_tmp_can_be_written(function: Function, tools: Tools, folder: str) -> None:
    """Everything that Lambda mounts read-only is read-only here; ``/tmp`` is private."""
    code = """
import pathlib
def handler(event, context):
    pathlib.Path('/tmp/mine').write_text('x')
    try:
        pathlib.Path(event, 'mine').write_text('x')
    except OSError as error:
        return error.errno
"""
    (function.code / "handler.py").write_text(code)
    with Environment(function, tools=tools) as environment:
        assert environment.invoke(folder).payload in (13, 30)
    assert not Path("/tmp/mine").exists()


def test_an_invocation_that_takes_too_long_is_timed_out(function: Function, tools: Tools) -> None:
    """The function's time-out is enforced, and the environment can be used again."""
    code = "import time\ndef handler(event, context):\n    time.sleep(event)\n    return 'done'"
    (function.code / "handler.py").write_text(code)
    with Environment(replace(function, timeout=3), tools=tools) as environment:
        assert "timed out" in str(environment.invoke(30).payload)
        assert environment.invoke(0).payload == "done"


def test_without_network_nothing_can_be_reached(function: Function, tools: Tools) -> None:
    """A cut-off environment answers invocations and reaches nothing outside."""
    code = """
import socket
def handler(event, context):
    try:
        socket.create_connection(('192.0.2.1', 443), timeout=5)
    except OSError as error:
        return error.errno
"""
    (function.code / "handler.py").write_text(code)
    with Environment(function, tools=tools, network=False) as environment:
        assert environment.invoke().payload == 101


def test_without_interpreter_no_python_is_found(custom_runtime: Function, tools: Tools) -> None:
    """A custom runtime runs its own bootstrap, on a system without Python."""
    with Environment(custom_runtime, tools=tools) as environment:
        assert environment.invoke().payload == "python: none"


def test_many_environments_start_together(function: Function, tools: Tools) -> None:
    """Idle environments wait for their first invocation, and none is in another's way."""
    environments = [Environment(function, tools=tools) for _ in range(12)]
    with ExitStack() as stack, ThreadPoolExecutor(12) as pool:
        for environment in pool.map(Environment.start, environments):
            stack.callback(environment.close)
        answers = list(pool.map(Environment.invoke, environments, range(12)))
    assert [answer.payload["event"] for answer in answers] == list(range(12))


def test_nothing_is_left_behind(function: Function, extension_layer: Path, tools: Tools) -> None:
    """A killed environment takes the runtime and a stubborn extension with it."""
    with Environment(replace(function, layers=(extension_layer,)), tools=tools) as environment:
        address = environment.invoke().payload["env"]["AWS_LAMBDA_RUNTIME_API"]
        assert _processes_of(address)
        environment.kill()
        assert not _processes_of(address)


def test_nothing_outlives_a_killed_host(function: Function) -> None:
    """Not even SIGKILL of the process that started an environment leaves it running."""
    code = f"""
from pathlib import Path
from prefixwarm.local.emulator import Environment
from prefixwarm.local.emulated_function import Function
environment = Environment(Function(Path({str(function.code)!r}))).start()
print(environment.invoke().payload["env"]["AWS_LAMBDA_RUNTIME_API"], flush=True)
input()
"""
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", code], stdin=pipe, stdout=pipe, text=True) as host:
        assert host.stdout
        address = host.stdout.readline().strip()
        assert _processes_of(address)
        host.kill()
    until(lambda: not _processes_of(address))


def _processes_of(runtime_api: str) -> list[str]:
    return [entry.name for entry in Path("/proc").iterdir() if runtime_api in _environ(entry)]


def _environ(process: Path) -> str:
    try:
        return (process / "environ").read_text(errors="replace")
    except OSError:
        return ""


def test_a_function_that_cannot_start_is_one_clear_line(tools: Tools, tmp_path: Path) -> None:
    """What is missing is said, not a traceback of the sandbox."""
    with pytest.raises(LocalCloudError, match=r"No such file or directory: 'mount .*/absent"):
        Environment(Function(tmp_path / "absent"), tools=tools).start()
