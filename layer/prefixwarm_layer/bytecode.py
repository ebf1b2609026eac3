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


# 3.10 runs from the sources: its runtime is past its end of support.
SUPPORTED = ("3.11", "3.12", "3.13", "3.14")
RUNTIMES = tuple(f"python{minor}" for minor in ("3.10", *SUPPORTED))

# Line tables are left out: they are two fifths of the bytes, and only tracebacks read them.
_COMPILE = """
import importlib.util, json, marshal, types

def without_lines(code):
    inner = (without_lines(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    names = {"co_qualname": code.co_name} if hasattr(code, "co_qualname") else {}
    return code.replace(co_linetable=b"", co_consts=tuple(inner), co_filename="", **names)

def compiled(text):
    bundle = {}
    for name, (package, source) in json.loads(text).items():
        code = compile(source, "", "exec", dont_inherit=True, optimize=2)
        bundle[name] = package, without_lines(code)
    return importlib.util.MAGIC_NUMBER + marshal.dumps(bundle)
"""
_NATIVE = _COMPILE + "\nimport sys\nsys.stdout.buffer.write(compiled(sys.stdin.read()))"
_MAGIC_BYTES = 4
# A Python for WebAssembly, whose bytecode is everyone's, for machines without one of their own;
# `scripts/fetch-python3.14` puts it there.
_WASM = {"3.14": "pyodide-314.0.7"}


def interpreters() -> dict[str, str]:
    """Supported minor versions whose interpreter is on this machine, and where it is."""
    found = {}
    for minor in SUPPORTED:
        working = (path for path in _candidates(minor) if _is_python(path, minor))
        if (first := next(working, None) or _wasm(minor)) is not None:
            found[minor] = first
    return found


def bundles(modules: Mapping[str, tuple[bool, str]]) -> dict[str, bytes]:
    """Bytecode of all these modules, one file for every interpreter found.

    Parameters
    ----------
    modules
        By name: whether it is a package, and its source.

    Returns
    -------
    dict
        File contents by the magic number of the bytecode, in hexadecimal digits.
    """
    compiled = [_compiled_by(interpreter, modules) for interpreter in interpreters().values()]
    return {data[:_MAGIC_BYTES].hex(): data[_MAGIC_BYTES:] for data in compiled}


def _compiled_by(interpreter: str, modules: Mapping[str, tuple[bool, str]]) -> bytes:
    done = subprocess.run(  # noqa: S603
        _command(interpreter),
        input=json.dumps(modules, sort_keys=True).encode(),
        stdout=subprocess.PIPE,
        check=True,
        # A fixed hash seed, or the order of a set's constants would differ from run to run.
        env={"PYTHONHASHSEED": "0"},
    )
    return done.stdout


def _command(interpreter: str) -> list[str]:
    if Path(interpreter).is_dir():
        script = Path(__file__).with_name("wasm.mjs")
        return [shutil.which("node") or "node", str(script), interpreter, _COMPILE]
    return [interpreter, "-P", "-S", "-c", _NATIVE]


def _candidates(minor: str) -> Iterator[str]:
    if sys.version_info[:2] == tuple(int(part) for part in minor.split(".")):
        yield sys.executable
    on_path = shutil.which(f"python{minor}")
    if on_path:
        yield on_path
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    yield from (str(p) for p in sorted(pyenv.glob(f"versions/{minor}.*/bin/python{minor}")))


def _wasm(minor: str) -> str | None:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "prefixwarm" / _WASM.get(minor, "none")
    return str(folder) if folder.is_dir() and shutil.which("node") else None


def _is_python(path: str, minor: str) -> bool:
    command = [path, "-I", "-S", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603
    except OSError:
        return False
    return answer.stdout.strip() == minor
