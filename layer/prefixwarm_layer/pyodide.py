"""Runs pinned CPython builds for WebAssembly to compile the layer's bytecode.

Bytecode depends on Python's version, not on the machine, so the same builds (Pyodide from npm, run
by Node.js) give every machine the same layer.
"""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import sys
import tarfile
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from prefixwarm_layer import build_cache

_SCRIPT = Path(__file__).with_name("wasm.mjs")
_FILES = {
    *("pyodide.mjs", "pyodide.asm.js", "pyodide.asm.mjs", "pyodide.asm.wasm"),
    *("pyodide-lock.json", "python_stdlib.zip"),
}


@dataclass(frozen=True)
class Build:
    """One Pyodide build.

    Attributes
    ----------
    python : str
        Python's minor version, such as ``3.14``.
    version, sha256 : str
        Version and digest of the npm package ``pyodide``.
    magic : str
        Magic number of the bytecode, in hexadecimal digits.
    """

    python: str
    version: str
    sha256: str
    magic: str


BUILDS = (
    Build(
        "3.11",
        "0.25.1",
        "d301c5b18b888ec7ad2bf616fcdd14eb36f4c9f41c513f89fcfcc3455d447a63",
        "a70d0d0a",
    ),
    Build(
        "3.12",
        "0.27.7",
        "89d5d952675eb08e11286e52c7238f1248ce71726e896db9703e73bef23dc343",
        "cb0d0d0a",
    ),
    Build(
        "3.13",
        "0.29.0",
        "52ea0e976b6e8373ef911f21cb3751ea50b03eb423b093fbfa21ffc27e842f01",
        "f30d0d0a",
    ),
    Build(
        "3.14",
        "314.0.7",
        "66b7949e5a0cba2250b586d7e368bf12fb482800748d182c4618254b685ffaa0",
        "2b0e0d0a",
    ),
)


def run(build: Build, program: str, text: bytes) -> bytes | None:
    """Run a Python program's ``compiled(text)``; return its bytes, or None if it cannot run.

    npm or Node.js prints the reason on standard error.
    """
    node, folder = shutil.which("node"), _installed(build)
    if node is None or folder is None:
        return None
    command = [node, str(_SCRIPT), str(folder), program]
    process = subprocess.run(command, input=text, stdout=subprocess.PIPE, check=False)  # noqa: S603
    return process.stdout if process.returncode == 0 else None


def _installed(build: Build) -> Path | None:
    folder = build_cache.folder(f"pyodide-{build.version}")
    if not folder.is_dir():
        package = _package(build)
        if package is None:
            return None
        _unpack(package, folder)
    return folder


def _package(build: Build) -> bytes | None:
    npm = shutil.which("npm")
    if npm is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        command = [npm, "pack", "--loglevel=error", "--fetch-retries=0", f"pyodide@{build.version}"]
        process = subprocess.run(command, cwd=folder, stdout=subprocess.DEVNULL, check=False)  # noqa: S603
        if process.returncode != 0:
            return None
        (file,) = Path(folder).glob("*.tgz")
        package = file.read_bytes()
    if hashlib.sha256(package).hexdigest() != build.sha256:
        print(f"pyodide@{build.version}: its SHA-256 is not the pinned one", file=sys.stderr)  # noqa: T201
        return None
    return package


def _unpack(package: bytes, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        unfinished = Path(folder) / target.name
        unfinished.mkdir()
        with tarfile.open(fileobj=io.BytesIO(package)) as archive:
            for member in archive:
                name = member.name.removeprefix("package/")
                content = archive.extractfile(member)
                if name in _FILES and content is not None:
                    (unfinished / name).write_bytes(content.read())
        # Another process may have created it meanwhile.
        with suppress(OSError):
            unfinished.rename(target)
