"""Users' type checkers see the public names as they are: each package ships `py.typed`."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import prefixwarm
import prefixwarm_cdk
import prefixwarm_extension
import prefixwarm_layer

EXAMPLE = Path(__file__).with_name("public_names.py")
PACKAGES = (prefixwarm, prefixwarm_cdk, prefixwarm_extension, prefixwarm_layer)


def test_each_package_ships_its_types() -> None:
    """Or type checkers ignore what is annotated."""
    for package in PACKAGES:
        assert Path(str(package.__file__)).with_name("py.typed").exists(), package.__name__


def test_mypy_accepts_what_users_write() -> None:
    """Strict, as a user would run it."""
    check("-m", "mypy", "--strict", "--python-version", "3.10", str(EXAMPLE))


def test_pyright_accepts_what_users_write() -> None:
    """The checker of most editors."""
    check("-m", "pyright", "--pythonpath", sys.executable, str(EXAMPLE))


def check(*arguments: str) -> None:
    """Run a type checker; what it complains of is the test's message."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
