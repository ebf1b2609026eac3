"""The wheel that hatchling builds: it brings the zips, and says what they lack."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from prefixwarm_layer.bytecode import bytecode_warning
from prefixwarm_layer.zips import build_layer

ROOT = Path(__file__).parents[3]


def build(out: Path, **variables: str) -> tuple[Path, str]:
    """The wheel's path, and what the build wrote on standard error."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", out]
    env = {**os.environ, **variables}
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    (wheel,) = out.glob("*.whl")
    return wheel, done.stderr


def shipped_layer(wheel: Path, folder: Path) -> Path:
    """The layer's zip, taken out of a wheel."""
    with zipfile.ZipFile(wheel) as content:
        return Path(content.extract("prefixwarm_layer/shipped/layer.zip", folder))


@pytest.mark.slow
def test_a_wheel_ships_the_layer_that_a_checkout_builds(tmp_path: Path) -> None:
    """The same bytes: what a machine deploys does not depend on how it was installed."""
    wheel, errors = build(tmp_path)
    assert "bytecode" not in errors
    layer = shipped_layer(wheel, tmp_path)
    assert layer.read_bytes() == build_layer(tmp_path / "own.zip").read_bytes()


@pytest.mark.slow
def test_a_build_without_node_says_what_is_missing(tmp_path: Path) -> None:
    """So does whoever takes the layer from that wheel."""
    variables = {"PATH": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    wheel, errors = build(tmp_path / "dist", **variables)
    warning = bytecode_warning(shipped_layer(wheel, tmp_path))
    assert warning is not None
    assert warning in errors
