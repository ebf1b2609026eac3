"""What an agent finds on its path in the layer: `prefixwarm.observe`, and what that imports.

The modules lie in a folder of their own, to which one file on the path points. So a `prefixwarm`
that the function, or another layer, brings is taken whole, and nothing of the two is ever mixed.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm_layer.import_closure import import_closure

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from prefixwarm_layer.bytecode import Compiled
    from prefixwarm_layer.pyodide import Build


_FOLDER = "prefixwarm/python"
_POINTER = "python/prefixwarm.py"
_AUTO = "prefixwarm/auto"
_PACKAGE = "prefixwarm.observe"
_HOOK = f"{_PACKAGE}.import_hook"
# What its names come from besides its own modules.
_ELSEWHERE = ("prefixwarm.prefix.prefix_definition",)
# What `AWS_LAMBDA_EXEC_WRAPPER` names where the function is observed without a change of it.
WRAPPER = "prefixwarm/wrapper"


def agent_files() -> dict[str, bytes]:
    """The sources by path, the data beside them, the file that points to them, and the wrapper."""
    here, modules = Path(__file__).parent, import_closure(_programs())
    files = {
        _POINTER: (here / "pointer.py").read_bytes(),
        WRAPPER: (here / "wrapper.sh").read_bytes(),
        f"{_AUTO}/sitecustomize.py": (here / "auto_observe.py").read_bytes(),
        f"{_AUTO}/prefixwarm_import_hook.py": modules[_HOOK].read_bytes(),
    }
    for name, file in modules.items():
        package = file.name == "__init__.py"
        folder = f"{_FOLDER}/{(name if package else name.rpartition('.')[0]).replace('.', '/')}"
        for part in (file, *(file.parent.glob("*.json") if package else ())):
            files[f"{folder}/{part.name}"] = part.read_bytes()
    return files


def sources(files: Mapping[str, bytes]) -> dict[str, str]:
    """Those of these files that are compiled."""
    return {
        path: data.decode()
        for path, data in files.items()
        if path.startswith(_FOLDER) and path.endswith(".py")
    }


def cached_files(build: Build, compiled: Compiled) -> dict[str, bytes]:
    """One Python's bytecode, by the paths where it looks for it."""
    tag = f"cpython-{build.python.replace('.', '')}"
    paths = {path: Path(path) for path in compiled.cached}
    return {
        f"{path.parent}/__pycache__/{path.stem}.{tag}.pyc": compiled.cached[name]
        for name, path in paths.items()
    }


def _programs() -> Iterable[str]:
    """All modules of the package: its own `__init__` loads them on demand."""
    folder = import_closure([_PACKAGE], late=False)[_PACKAGE].parent
    own = [f"{_PACKAGE}.{file.stem}" for file in sorted(folder.glob("[!_]*.py"))]
    return [_PACKAGE, *_ELSEWHERE, *own]
