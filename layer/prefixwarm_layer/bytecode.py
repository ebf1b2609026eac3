"""The layer's bytecode: what is compiled, and how a layer without some of it is described.

``/opt`` is read-only, so without bytecode every cold start compiles anew. All modules of the init
phase go into one file for each Python, named after the magic number of its bytecode: it is read
at once, shares its strings, and takes half the space of a file for each module.
"""

from __future__ import annotations

import json
import zipfile
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import TYPE_CHECKING

from prefixwarm_layer import build_cache, pyodide

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from prefixwarm_layer.pyodide import Build

# Where the layer has its modules.
CODE = "prefixwarm/code"

# 3.10 runs from the sources: its runtime is past its end of support.
RUNTIMES = ("python3.10", *(f"python{build.python}" for build in pyodide.BUILDS))

# Line tables are left out: they are two fifths of the bytes, and only tracebacks read them.
_PROGRAM = """
import importlib.util, json, marshal, types

def without_lines(code):
    inner = (without_lines(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    return code.replace(
        co_linetable=b"", co_consts=tuple(inner), co_filename="", co_qualname=code.co_name
    )

def compiled(text):
    bundle = {}
    for name, (package, source) in json.loads(text).items():
        code = compile(source, "", "exec", dont_inherit=True, optimize=2)
        bundle[name] = package, without_lines(code)
    return importlib.util.MAGIC_NUMBER + marshal.dumps(bundle)
"""
_MAGIC_BYTES = 4


def bundles(modules: Mapping[str, tuple[bool, str]]) -> dict[str, bytes]:
    """Compile these modules, one file for each Python from 3.11 on.

    Parameters
    ----------
    modules
        By name: whether it is a package, and its source.

    Returns
    -------
    dict
        File contents by the magic number of the bytecode, in hexadecimal digits. A Python is
        missing where its compiler cannot be run; standard error says why.
    """
    text = json.dumps(modules, sort_keys=True).encode()
    with ThreadPoolExecutor(len(pyodide.BUILDS)) as pool:
        files = pool.map(lambda build: _bundle(build, text), pyodide.BUILDS)
        pairs = zip(pyodide.BUILDS, files, strict=True)
        return {build.magic: data for build, data in pairs if data is not None}


def bytecode_warning(layer: Path) -> str | None:
    """Say for which Pythons a layer's zip has sources only; None where it has all bytecode."""
    with zipfile.ZipFile(layer) as archive:
        names = set(archive.namelist())
    missing = [b.python for b in pyodide.BUILDS if f"{CODE}/{b.magic}" not in names]
    if not missing:
        return None
    return (
        f"the layer has no bytecode for Python {', '.join(missing)}, because it was built where "
        "Node.js or npm could not be run: cold starts there take some 20 ms of CPU time more, and "
        "a machine with both builds another layer"
    )


def _bundle(build: Build, text: bytes) -> bytes | None:
    digest = sha256(b"\0".join((build.sha256.encode(), _PROGRAM.encode(), text))).hexdigest()
    cached = build_cache.folder("bytecode") / f"{build.magic}-{digest[:32]}"
    if cached.exists():
        return cached.read_bytes()
    compiled = pyodide.run(build, _PROGRAM, text)
    if compiled is None:
        return None
    magic, data = compiled[:_MAGIC_BYTES].hex(), compiled[_MAGIC_BYTES:]
    if magic != build.magic:
        raise RuntimeError(f"pyodide {build.version} has the magic number {magic}")
    with build_cache.replacing(cached) as path:
        path.write_bytes(data)
    return data
