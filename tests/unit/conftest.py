"""Servers on loopback that answer byte by byte, and the interpreters of this machine."""

from __future__ import annotations

import os
import ssl
import subprocess
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import pytest
import trustme

from prefixwarm.wire.deadline import Deadline
from tests.unit.loopback import Server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.unit.loopback import Answer, Serve


@pytest.fixture(scope="session")
def interpreter() -> Callable[[str], str]:
    """The path of the interpreter of a minor version; a skip where the machine has none."""

    def path(minor: str) -> str:
        pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
        names = [f"python{minor}", *pyenv.glob(f"versions/{minor}.*/bin/python{minor}")]
        working = (place for name in names if (place := which(name)) and works(place))
        if first := next(working, None):
            return first
        pytest.skip(f"no Python {minor} on this machine")

    return path


def works(python: str) -> bool:
    """Whether it runs at all: a launcher may stand for a version that is not there."""
    return subprocess.run([python, "-c", ""], capture_output=True).returncode == 0


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers; each answers its connections with the function given."""
    servers: list[Server] = []

    def start(answer: Answer, tls: ssl.SSLContext | None = None) -> Server:
        servers.append(Server(answer, tls))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that only these tests trust."""
    return trustme.CA()


@pytest.fixture(scope="session")
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's TLS with a certificate for loopback and example.test."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "example.test").configure_cert(context)
    return context


@pytest.fixture
def soon() -> Deadline:
    """A deadline that a working exchange never reaches."""
    return Deadline.after(60)
