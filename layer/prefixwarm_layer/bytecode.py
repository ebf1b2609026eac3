"""Bytecode for the layer, compiled by each Python that is at hand.

``/opt`` is read-only, so without bytecode every cold start compiles anew; and the dates in a
reproducible zip would make ordinary bytecode stale, so it is of the unchecked-hash kind.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["SUPPORTED", "compile_all", "interpreters"]

SUPPORTED = ("3.10", "3.11", "3.12", "3.13", "3.14")

_COMPILE = """
import importlib.util, pathlib, py_compile, sys
root, inside = pathlib.Path(sys.argv[1]), sys.argv[2]
for file in sorted(root.rglob("*.py")):
    py_compile.compile(
        str(file),
        importlib.util.cache_from_source(str(file)),
        inside + "/" + file.relative_to(root).as_posix(),
        doraise=True,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
"""


def interpreters() -> dict[str, str]:
    """Supported minor versions whose interpreter is on this machine, and where it is."""
    found = {}
    for minor in SUPPORTED:
        working = (path for path in _candidates(minor) if _is_python(path, minor))
        if (first := next(working, None)) is not None:
            found[minor] = first
    return found


def compile_all(sources: Mapping[str, bytes], inside: str) -> dict[str, bytes]:
    """Bytecode entries beside these sources, for every interpreter found.

    Parameters
    ----------
    sources
        Python files by path below `inside`.
    inside
        Where they will lie in the sandbox; tracebacks name it.
    """
    compiled: dict[str, bytes] = {}
    for interpreter in interpreters().values():
        compiled |= _compiled_by(interpreter, sources, inside)
    return compiled


def _compiled_by(interpreter: str, sources: Mapping[str, bytes], inside: str) -> dict[str, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        for name, source in sources.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(source)
        command = [interpreter, "-I", "-S", "-OO", "-c", _COMPILE, folder, inside]
        # A fixed hash seed: the order of constants in a set would otherwise differ from run to run.
        subprocess.run(command, check=True, env={**os.environ, "PYTHONHASHSEED": "0"})  # noqa: S603
        return {f.relative_to(root).as_posix(): f.read_bytes() for f in root.rglob("*.pyc")}


def _candidates(minor: str) -> Iterator[str]:
    if sys.version_info[:2] == tuple(int(part) for part in minor.split(".")):
        yield sys.executable
    on_path = shutil.which(f"python{minor}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from (str(p) for p in sorted(pyenv.glob(f"versions/{minor}.*/bin/python{minor}")))


def _is_python(path: str, minor: str) -> bool:
    command = [path, "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except OSError:
        return False
    return answer.stdout.strip() == minor
