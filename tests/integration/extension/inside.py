"""Changes an idle environment from within, before its first invocation."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.local.emulator import Environment


# Binds the port that resolvers are asked at, says so, and never answers.
SILENCE = """
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
    listener.bind(("127.0.0.1", 53))
    print("silent", flush=True)
    sys.stdin.read()
"""


def _enter(environment: Environment, *namespaces: str) -> list[str]:
    user = () if os.geteuid() == 0 else ("--user", "--preserve-credentials")
    return ["nsenter", "--target", str(environment._pid()), *user, *namespaces]


@contextmanager
def full_tmp(environment: Environment) -> Iterator[None]:
    """Leave not a byte in the environment's ``/tmp``."""
    path = f"/proc/{environment._pid()}/root/tmp/full"
    size = os.statvfs(Path(path).parent)
    with open(path, "wb", buffering=0) as file:
        os.posix_fallocate(file.fileno(), 0, size.f_bavail * size.f_bsize)
    with (
        pytest.raises(OSError, match="No space left"),
        open(f"{path}-as-well", "wb", buffering=0) as file,
    ):
        file.write(b"x")
    yield


@contextmanager
def silent_resolver(environment: Environment, folder: Path) -> Iterator[None]:
    """Names are looked up at a UDP port inside the environment that never answers."""
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\n")
    (folder / "nsswitch.conf").write_text("hosts: dns\n")
    for name in ("resolv.conf", "nsswitch.conf"):
        target = f"/proc/{environment._pid()}/root/etc/{name}"
        command = ["mount", "--bind", str(folder / name), os.path.realpath(target)]
        subprocess.run([*_enter(environment, "--mount"), *command], check=True)
    listener = subprocess.Popen(
        [*_enter(environment, "--net"), sys.executable, "-I", "-S", "-c", SILENCE],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert listener.stdout is not None
    assert listener.stdout.readline() == b"silent\n"
    try:
        yield
    finally:
        listener.communicate()
