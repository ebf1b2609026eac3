"""The modules for agents in the layer: `prefixwarm.observe` and its imports.

The modules are in a separate folder to which one file on the path points. So if the function or
another layer has its own `prefixwarm`, that one is used completely and the two are never mixed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm_layer.import_closure import import_closure, module_files

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prefixwarm_layer.bytecode import Compiled
    from prefixwarm_layer.pyodide import Build


_FOLDER = "prefixwarm/python"
_POINTER = "python/prefixwarm.py"
_AUTO = "prefixwarm/auto"
_PACKAGE = "prefixwarm.observe"
_HOOK = f"{_PACKAGE}.import_hook"
# Modules outside the package that its public names come from.
_ELSEWHERE = ("prefixwarm.prefix.prefix_definition",)
# The wrapper for `AWS_LAMBDA_EXEC_WRAPPER`, to observe a function without changing its code.
WRAPPER = "prefixwarm/wrapper"


def agent_files() -> dict[str, bytes]:
    """The sources, their data files, the pointer to them, and the wrapper, by path."""
    here, modules = Path(__file__).parent, import_closure(_programs())
    return {
        _POINTER: (here / "pointer.py").read_bytes(),
        WRAPPER: (here / "wrapper.sh").read_bytes(),
        f"{_AUTO}/sitecustomize.py": (here / "auto_observe.py").read_bytes(),
        f"{_AUTO}/prefixwarm_import_hook.py": modules[_HOOK].read_bytes(),
        **{f"{_FOLDER}/{path}": data for path, data in module_files(modules).items()},
    }


def sources(files: Mapping[str, bytes]) -> dict[str, str]:
    """The files to compile."""
    return {
        path: data.decode()
        for path, data in files.items()
        if path.startswith(_FOLDER) and path.endswith(".py")
    }


def cached_files(build: Build, compiled: Compiled) -> dict[str, bytes]:
    """One Python's bytecode, by the paths at which it expects it."""
    tag = f"cpython-{build.python.replace('.', '')}"
    paths = {path: Path(path) for path in compiled.cached}
    return {
        f"{path.parent}/__pycache__/{path.stem}.{tag}.pyc": compiled.cached[name]
        for name, path in paths.items()
    }


def _programs() -> Iterable[str]:
    """All modules of the package, because its `__init__` loads them on demand."""
    folder = import_closure([_PACKAGE], late=False)[_PACKAGE].parent
    own = [f"{_PACKAGE}.{file.stem}" for file in sorted(folder.glob("[!_]*.py"))]
    return [_PACKAGE, *_ELSEWHERE, *own]
