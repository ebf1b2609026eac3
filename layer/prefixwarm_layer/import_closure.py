"""Computes which of our modules a deployed program needs, directly or indirectly."""

from __future__ import annotations

import ast
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

OURS = ("prefixwarm", "prefixwarm_extension")


def import_closure(
    programs: Iterable[str], *, late: bool = True, packages: Collection[str] = OURS
) -> dict[str, Path]:
    """Return the files of these modules and of all our modules that they import.

    Ignores imports for types, and modules that a package's ``__getattr__`` loads on demand.

    Parameters
    ----------
    programs
        Full names of modules.
    late
        Whether imports inside functions count too.
    packages
        The packages that count as ours.
    """
    files: dict[str, Path] = {}
    names = [*programs]
    while names:
        name = names.pop()
        file = None if name in files else _file(name, packages)
        if file is not None:
            files[name] = file
            names += [name.rpartition(".")[0], *_imports_of(file, late)]
    return dict(sorted(files.items()))


def module_files(modules: Mapping[str, Path]) -> dict[str, bytes]:
    """The contents of modules and of their packages' data, by the path below a source folder."""
    files = {}
    for name, file in modules.items():
        package = file.name == "__init__.py"
        folder = (name if package else name.rpartition(".")[0]).replace(".", "/")
        for part in (file, *(file.parent.glob("*.json") if package else ())):
            files[f"{folder}/{part.name}"] = part.read_bytes()
    return files


@cache
def _imports_of(file: Path, late: bool) -> tuple[str, ...]:
    return tuple(_imports(ast.parse(file.read_bytes()), late))


def _file(name: str, packages: Collection[str]) -> Path | None:
    """Return the file of one of our modules; None for other names, such as functions."""
    top, *inner = name.split(".")
    if top not in packages:
        return None
    spec = find_spec(top)
    assert spec is not None
    assert spec.origin is not None
    place = Path(spec.origin).parent.joinpath(*inner)
    return next((f for f in (place / "__init__.py", place.with_suffix(".py")) if f.is_file()), None)


def _imports(node: ast.AST, late: bool) -> Iterator[str]:
    """Yield imported names; for ``from a import b``, both ``a`` and ``a.b``."""
    children: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom) and node.module:
        yield node.module
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        children = node.orelse
    elif isinstance(node, ast.FunctionDef) and (not late or node.name == "__getattr__"):
        children = ()
    for child in children:
        yield from _imports(child, late)
