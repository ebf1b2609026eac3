"""Builds the command that starts the runtime emulator in private namespaces."""

from __future__ import annotations

import functools
import json
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixwarm.local import sandbox
from prefixwarm.local.emulated_function import MANAGED_INSTANCES
from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from prefixwarm.local.emulated_function import Function
    from prefixwarm.local.toolchain import Tools


INVOKE_PORT, API_PORT = 28080, 29001
# Lambda's user for functions; managed instances switch to it by themselves.
_NODE_RUNTIME = Path(__file__).parent / "node_runtime"
_LAMBDA_USER = 993


@functools.cache
def unshare() -> tuple[str, ...]:
    """The start of every command here; checks once that the kernel allows it."""
    program = shutil.which("unshare")
    if program is None:
        raise LocalCloudError("unshare: not found; install util-linux")
    user = () if os.geteuid() == 0 else ("--user", "--map-root-user")
    options = (program, *user, "--mount", "--pid", "--fork", "--kill-child")
    process = subprocess.run([*options, "true"], capture_output=True, text=True)  # noqa: S603
    if process.returncode:
        reason = process.stderr.strip() or f"exit status {process.returncode}"
        raise LocalCloudError(
            f"{reason}: this machine forbids namespaces; run as root, or allow them"
        )
    return options


def check() -> None:
    """Check that this machine can start environments.

    Raises
    ------
    LocalCloudError
        If ``unshare`` is missing or the kernel forbids it.
    """
    unshare()


def command(function: Function, tools: Tools, work: Path, host: str, *, network: bool) -> list[str]:
    """The command line that starts the emulator for `function`.

    Parameters
    ----------
    work
        The environment's private folder.
    host
        Loopback address for invocations.
    network
        False gives the environment an empty network.
    """
    spec = {
        **_layout(function, tools, work),
        "env": function.environment(),
        "arguments": _arguments(host),
        "user": _user(function),
        "network": network,
    }
    cut_off = () if network else ("--net",)
    python = (sys.executable, "-I", "-S", str(Path(sandbox.__file__)))
    return [*unshare(), *cut_off, "--", *python, json.dumps(spec)]


def listens(pid: int, host: str) -> bool:
    """Whether the emulator with process id `pid` already accepts invocations on `host`.

    Raises
    ------
    FileNotFoundError
        If there is no such process.
    """
    number = int.from_bytes(socket.inet_aton(host), sys.byteorder)
    listening = f" {number:08X}:{INVOKE_PORT:04X} 00000000:0000 0A "
    # Read the process's own view: its network may differ from ours.
    return listening in Path(f"/proc/{pid}/net/tcp").read_text()


def _arguments(host: str) -> list[str]:
    invoke = ["--runtime-interface-emulator-address", f"{host}:{INVOKE_PORT}"]
    return ["/rie", *invoke, "--runtime-api-address", f"{host}:{API_PORT}", "--log-level", "info"]


def _user(function: Function) -> int | None:
    managed = function.init_type == MANAGED_INSTANCES
    may_change = not managed and os.geteuid() == 0 and _exists(_LAMBDA_USER)
    return _LAMBDA_USER if may_change else None


def _exists(user: int) -> bool:
    """Whether this user namespace has the user."""
    ranges = (line.split() for line in Path("/proc/self/uid_map").read_text().splitlines())
    return any(0 <= user - int(first) < int(count) for first, _, count in ranges)


def _layout(function: Function, tools: Tools, work: Path) -> Mapping[str, Any]:
    (work / "root").mkdir()
    folders = [(function.code, "/var/task"), (_merged(function.layers, work / "opt"), "/opt")]
    if function.python is None:
        folders.append((_lang_of(function.node, work / "lang"), "/var/lang"))
        folders += [(_NODE_RUNTIME, "/var/runtime")] if function.node else []
    else:
        folders.append((_lang(function.python, work / "lang"), "/var/lang"))
        folders.append((tools.runtime(function.python), "/var/runtime"))
    return {
        "root": str(work / "root"),
        "pid_file": str(work / "pid"),
        "emulator": str(tools.emulator()),
        "folders": [(str(source), target) for source, target in folders],
        "hides_python": function.python is None,
        "programs": function.programs,
    }


def _lang_of(node: Path | None, folder: Path) -> Path:
    """A folder with Node.js, or an empty one."""
    if node is None:
        return _empty(folder)
    program = node.resolve()
    if program.parts[1:2] != ("usr",):
        return program.parent.parent
    (_empty(folder / "bin") / "node").symlink_to(program)
    return folder


def _empty(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder


def _merged(layers: tuple[Path, ...], folder: Path) -> Path:
    """Merge layers as Lambda does: later ones win, file by file."""
    if len(layers) == 1:
        return layers[0]
    _empty(folder)
    for layer in layers:
        shutil.copytree(layer, folder, dirs_exist_ok=True, symlinks=True)
    return folder


def _lang(prefix: Path, folder: Path) -> Path:
    """Make ``/var/lang`` from links, because a system Python's files must stay under ``/usr``."""
    if prefix.parts[1:2] != ("usr",):
        return prefix
    python = (prefix / "bin" / "python3").resolve()
    links = _empty(folder / "bin")
    for name in ("python3", python.name):
        (links / name).symlink_to(python)
    return folder
