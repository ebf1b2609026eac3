"""An installed wheel makes the same layer under every Python, so that no change is deployed."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import prefixwarm
import prefixwarm_layer
from prefixwarm_layer.pyodide import BUILDS
from prefixwarm_layer.zips import build_layer

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.slow

MAKE = """
import hashlib, sys
from pathlib import Path
from prefixwarm_layer.zips import build_layer
made = build_layer(Path(sys.argv[1]), [Path(sys.argv[2])])
print(hashlib.sha256(made.read_bytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Our packages as a wheel installs them, with the layer's zip of a release."""
    folder = tmp_path_factory.mktemp("site")
    for package in (prefixwarm, prefixwarm_layer):
        assert package.__file__ is not None
        source = Path(package.__file__).parent
        ignored = shutil.ignore_patterns("__pycache__", "shipped")
        shutil.copytree(source, folder / source.name, ignore=ignored)
    build_layer(folder / "layer.zip")
    shipped = folder / "prefixwarm_layer" / "shipped"
    shipped.mkdir()
    (folder / "layer.zip").rename(shipped / "layer.zip")
    return folder


def digest(python: str, site: Path, prefix: Path, out: Path, **variables: str) -> str:
    """The layer's hash as that Python makes it."""
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(site), **variables}
    command = [python, "-c", MAKE, str(out), str(prefix)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.mark.parametrize("minor", ["3.10", *(build.python for build in BUILDS)])
def test_every_python_makes_the_same_layer(
    interpreter: Callable[[str], str], site: Path, prefix: Path, tmp_path: Path, minor: str
) -> None:
    """Each that this machine has, as this one does."""
    out = tmp_path / "layer.zip"
    here = digest(sys.executable, site, prefix, out)
    assert digest(interpreter(minor), site, prefix, out) == here


def test_every_environment_makes_the_same_layer(site: Path, prefix: Path, tmp_path: Path) -> None:
    """Other locales, time zones and hash seeds."""
    out = tmp_path / "layer.zip"
    odd = {"LC_ALL": "tr_TR.UTF-8", "TZ": "Asia/Kolkata", "PYTHONHASHSEED": "7"}
    here = digest(sys.executable, site, prefix, out)
    assert digest(sys.executable, site, prefix, out, **odd) == here
