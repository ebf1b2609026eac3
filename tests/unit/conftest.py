"""The interpreters of this machine, for what must hold under each of them."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


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
