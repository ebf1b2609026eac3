"""Bundles the example functions' code without Docker."""

from __future__ import annotations

import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import jsii
from aws_cdk import BundlingOptions, DockerImage, ILocalBundling
from aws_cdk import aws_lambda as lambda_

if TYPE_CHECKING:
    from typing import Any


_EXAMPLES = Path(__file__).parent.parent / "examples"
_SHARED = ("support.py", "prompt")
_PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28")
_JUNK = ["__pycache__", "*.pyc"]


def local_architecture() -> lambda_.Architecture:
    """This machine's architecture, so that code bundled here also runs here."""
    arm = platform.machine().lower() in ("aarch64", "arm64")
    return lambda_.Architecture.ARM_64 if arm else lambda_.Architecture.X86_64


def agent_code(python: str, architecture: lambda_.Architecture) -> lambda_.Code:
    """The agent with its requirements, for one Python version and architecture."""
    return lambda_.Code.from_asset(
        str(_EXAMPLES / "agent"),
        exclude=_JUNK,
        bundling=_options(_Requirements(python, architecture.name), python, architecture.name),
    )


def light_code() -> lambda_.Code:
    """The light function, with the agent's prompt."""
    return lambda_.Code.from_asset(
        str(_EXAMPLES), exclude=_JUNK, bundling=_options(_Light(), "any", "any")
    )


def _options(local: Any, python: str, architecture: str) -> BundlingOptions:
    """The bundling options; the environment enters the asset's hash, the local bundler does not."""
    return BundlingOptions(
        image=DockerImage.from_registry("not-used"),
        local=local,
        environment={"PYTHON": python, "ARCHITECTURE": architecture},
    )


@jsii.implements(ILocalBundling)
class _Requirements:
    def __init__(self, python: str, architecture: str) -> None:
        self._python = python
        self._machine = {"arm64": "aarch64"}.get(architecture, architecture)

    def try_bundle(self, output_dir: str, *_options: object) -> bool:
        source = _EXAMPLES / "agent"
        shutil.copytree(
            source, output_dir, dirs_exist_ok=True, ignore=shutil.ignore_patterns(*_JUNK)
        )
        requirements = ["--requirement", str(source / "requirements.txt")]
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-compile"]
        command += ["--disable-pip-version-check", "--target", output_dir, *requirements]
        subprocess.run([*command, *self._target()], check=True)  # noqa: S603
        return True

    def _target(self) -> list[str]:
        """Options that make pip choose wheels for the target machine."""
        here = (f"{sys.version_info[0]}.{sys.version_info[1]}", sys.platform, platform.machine())
        if here == (self._python, "linux", self._machine):
            return []
        platforms = [f"--platform={name}_{self._machine}" for name in _PLATFORMS]
        version = f"--python-version={self._python}"
        return [*platforms, version, "--implementation=cp", "--only-binary=:all:"]


@jsii.implements(ILocalBundling)
class _Light:
    def try_bundle(self, output_dir: str, *_options: object) -> bool:
        shutil.copy(_EXAMPLES / "light" / "handler.py", output_dir)
        for name in _SHARED:
            source, target = _EXAMPLES / "agent" / name, Path(output_dir) / name
            if source.is_dir():
                shutil.copytree(source, target)
            else:
                shutil.copy(source, target)
        return True
