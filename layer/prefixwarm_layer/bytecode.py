"""Bytecode for the layer, compiled by each Python that is at hand.

``/opt`` is read-only, so without bytecode every cold start compiles anew. All modules of the init
phase go into one file for each Python, named after the magic number of its bytecode: it is read
at once, shares its strings, and takes half the room of a file for each module.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

__all__ = ["RUNTIMES", "SUPPORTED", "bundles", "interpreters"]

# 3.10 runs from the sources: its runtime is past its end of support.
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
RUNTIMES = tuple(f"python{minor}" for minor in ("3.10", *SUPPORTED))

# Line tables are left out: they are two fifths of the bytes, and only tracebacks read them.
_COMPILE = """
import importlib.util, json, marshal, sys, types

def lean(code):
    inner = (lean(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(co_linetable=b"", co_consts=tuple(inner))

bundle = {}
for name, source in json.load(sys.stdin).items():
    code = compile(source, name, "exec", dont_inherit=True, optimize=2)
    module, package = name[:-3].replace("/", "."), name.endswith("/__init__.py")
    bundle[module.removesuffix(".__init__")] = (package, lean(code))
sys.stdout.buffer.write(importlib.util.MAGIC_NUMBER + marshal.dumps(bundle))
"""
_MAGIC_BYTES = 4


def interpreters() -> dict[str, str]:
    """Supported minor versions whose interpreter is on this machine, and where it is."""
    found = {}
    for minor in SUPPORTED:
        working = (path for path in _candidates(minor) if _is_python(path, minor))
        if (first := next(working, None)) is not None:
            found[minor] = first
    return found


def bundles(sources: Mapping[str, bytes]) -> dict[str, bytes]:
    """Bytecode of all these modules, one file for every interpreter found.

    Parameters
    ----------
    sources
        Python files by path below the import root.

    Returns
    -------
    dict
        File contents by the magic number of the bytecode, in hexadecimal digits.
    """
    compiled = [_compiled_by(interpreter, sources) for interpreter in interpreters().values()]
    return {data[:_MAGIC_BYTES].hex(): data[_MAGIC_BYTES:] for data in compiled}


def _compiled_by(interpreter: str, sources: Mapping[str, bytes]) -> bytes:
    texts = json.dumps({name: sources[name].decode() for name in sorted(sources)})
    done = subprocess.run(  # noqa: S603
        [interpreter, "-P", "-S", "-c", _COMPILE],
        input=texts.encode(),
        stdout=subprocess.PIPE,
        check=True,
        # A fixed hash seed, or the order of a set's constants would differ from run to run.
        env={"PYTHONHASHSEED": "0"},
    )
    return done.stdout


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
