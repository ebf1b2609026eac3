"""Compiles the layer's bytecode, and warns about a layer without some of it.

``/opt`` is read-only, so without bytecode every cold start compiles again. All modules of the init
phase go into one file per Python, named after the magic number of its bytecode: it is read at once,
shares strings, and takes half the space of separate files. Modules for agents have separate files
where Python expects them, because agents import only some.
"""

from __future__ import annotations

import json
import marshal
import zipfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING, NamedTuple

from prefixwarm_layer import build_cache, pyodide

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prefixwarm_layer.pyodide import Build

# The folder of modules in the layer.
CODE = "prefixwarm/code"

# 3.10 runs from the sources, as its runtime is past its end of support.
RUNTIMES = ("python3.10", *(f"python{build.python}" for build in pyodide.BUILDS))

# Line tables are two fifths of the bytes, and only tracebacks read them. The init phase writes no
# tracebacks, so its modules have none. In modules for the agent's process every instruction is in
# the first line of its function: the standard library raises if an instruction has no entry, and a
# failed model call would then end the runtime. Entries have at most eight code units and no
# columns: https://github.com/python/cpython/blob/main/InternalDocs/code_objects.md
_PROGRAM = """
import importlib.util, json, marshal, types

def no_lines(units):
    return b""

def first_line(units):
    full, rest = divmod(units, 8)
    return b"\\xef\\x00" * full + (bytes((0xE8 + rest - 1, 0)) if rest else b"")

def with_lines(code, lines):
    inner = (with_lines(c, lines) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(
        co_linetable=lines(len(code.co_code) // 2),
        co_consts=tuple(inner),
        co_filename="",
        co_qualname=code.co_name,
    )

def code_of(source, lines):
    return with_lines(compile(source, "", "exec", dont_inherit=True, optimize=2), lines)

def compiled(text):
    modules, files = json.loads(text)
    codes = {name: (pkg, code_of(src, no_lines)) for name, (pkg, src) in modules.items()}
    bundle = marshal.dumps(codes)
    # Never compared with the source, which lies beside it and is as old.
    head = importlib.util.MAGIC_NUMBER + (1).to_bytes(4, "little") + bytes(8)
    agents = {name: code_of(source, first_line) for name, source in files.items()}
    cached = {name: head + marshal.dumps(code) for name, code in agents.items()}
    return importlib.util.MAGIC_NUMBER + marshal.dumps((bundle, cached), 2)
"""
_MAGIC_BYTES = 4


class Compiled(NamedTuple):
    """One Python's bytecode: one file of modules, and separate files by source name."""

    bundle: bytes
    cached: dict[str, bytes]


def compiled(
    modules: Mapping[str, tuple[bool, str]], files: Mapping[str, str]
) -> dict[Build, Compiled]:
    """Compile modules into one file, and others into separate files, for each Python since 3.11.

    Parameters
    ----------
    modules
        By name: whether it is a package, and its source.
        files Sources by the names of their files.

    Returns
    -------
    dict
        By Python build. A build is missing if its compiler cannot be run; standard error says why.
    """
    text = json.dumps([modules, files], sort_keys=True).encode()
    with ThreadPoolExecutor(len(pyodide.BUILDS)) as pool:
        results = pool.map(lambda build: _compiled(build, text), pyodide.BUILDS)
        pairs = zip(pyodide.BUILDS, results, strict=True)
        return {build: result for build, result in pairs if result is not None}


def bytecode_warning(layer: Path) -> str | None:
    """Return a warning about Pythons without bytecode in a layer's zip; None if there are none."""
    with zipfile.ZipFile(layer) as archive:
        names = set(archive.namelist())
    missing = [b.python for b in pyodide.BUILDS if f"{CODE}/{b.magic}" not in names]
    if not missing:
        return None
    return (
        f"the layer has no bytecode for Python {', '.join(missing)}, because it was built where "
        "Node.js or npm could not be run: their cold starts take about 20 ms more CPU time, and "
        "a machine with both builds a different layer"
    )


def _compiled(build: Build, text: bytes) -> Compiled | None:
    data = _data(build, text)
    return None if data is None else Compiled(*marshal.loads(data))  # noqa: S302 - our own


def _data(build: Build, text: bytes) -> bytes | None:
    digest = sha256(b"\0".join((build.sha256.encode(), _PROGRAM.encode(), text))).hexdigest()
    cached = build_cache.folder("bytecode") / f"{build.magic}-{digest[:32]}"
    if cached.exists():
        return cached.read_bytes()
    with build_cache.one_at_a_time(cached.with_name(f"{build.magic}.lock")):
        return cached.read_bytes() if cached.exists() else _built(build, text, cached)


def _built(build: Build, text: bytes, cached: Path) -> bytes | None:
    output = pyodide.run(build, _PROGRAM, text)
    if output is None:
        return None
    magic, data = output[:_MAGIC_BYTES].hex(), output[_MAGIC_BYTES:]
    if magic != build.magic:
        raise RuntimeError(f"pyodide {build.version} has the magic number {magic}")
    with build_cache.replacing(cached) as path:
        path.write_bytes(data)
    return data
