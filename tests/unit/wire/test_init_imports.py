"""The init phase imports little: each module costs every cold start."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import prefixwarm

ROOT = Path(prefixwarm.__file__).parent.parent
INIT_PATH = (
    *("warm.acquire", "warm.log_line", "state.store", "provider.client", "provider.federation"),
    *("wire.credentials", "settings", "prefix.compiled"),
)
# Below each package: what a module of it may load.
_STATE = ("errors", "safe_text", "life", "wire", "settings", "provider", "state")
BELOW = {
    "wire": ("errors", "safe_text", "wire"),
    "provider": ("errors", "safe_text", "wire", "settings", "provider"),
    "state": ("errors", "safe_text", "life", "wire", "state"),
    "prefix": (*_STATE, "amounts", "fields", "policy", "prefix"),
    "warm": (*_STATE, "prefix", "warm"),
}
# Parts of the interpreter itself, and what `import os` brings.
ALLOWED = {
    *("__future__", "_hashlib", "_json", "_socket", "_ssl", "binascii", "errno", "itertools"),
    *("_collections_abc", "_stat", "abc", "genericpath", "math", "os", "os.path", "posixpath"),
    *("stat",),
}

CODE = """
import sys
before = set(sys.modules)
sys.path.insert(0, {root!r})
for name in {names!r}:
    __import__("prefixwarm." + name)
print(*sorted(set(sys.modules) - before), sep="\\n")
"""


def loaded(names: tuple[str, ...]) -> set[str]:
    """What a fresh interpreter, started as the extension is, loads for these modules."""
    code = CODE.format(root=str(ROOT), names=names)
    asked = [sys.executable, "-I", "-S", "-c", code]
    return set(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split())


def test_the_init_path_stays_lean() -> None:
    """Nothing of the standard library that is written in Python, but for what is listed."""
    modules = loaded(INIT_PATH)
    foreign = {name for name in modules if not name.startswith("prefixwarm")}
    assert foreign - ALLOWED == set()
    ours = {name.removeprefix("prefixwarm.") for name in modules - foreign}
    unwanted = {"prefix.file_form", "prefix.warm_request", "prefix.fingerprint", "state.memory"}
    assert unwanted & ours == set()
    assert not any(name.startswith("fields") for name in ours)


@pytest.mark.parametrize("package", BELOW)
def test_each_module_loads_alone(package: str) -> None:
    """No cycle hides behind the order of imports, and no package above is loaded."""
    for path in (ROOT / "prefixwarm" / package).glob("[!_]*.py"):
        modules = {name for name in loaded((f"{package}.{path.stem}",)) if "prefixwarm." in name}
        assert {name.split(".")[1] for name in modules} <= set(BELOW[package]), path


@pytest.mark.parametrize("package", BELOW)
def test_only_the_standard_library_is_needed(package: str) -> None:
    """Imports inside functions count too; what only type checkers see does not."""
    allowed = {*sys.stdlib_module_names, "prefixwarm"}
    for path in (ROOT / "prefixwarm" / package).glob("*.py"):
        for module in imported(ast.parse(path.read_text(encoding="utf-8"))):
            assert module.partition(".")[0] in allowed, f"{path.name} imports {module}"


def imported(node: ast.AST) -> list[str]:
    """The modules that code imports when it runs."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        return [name for statement in node.orelse for name in imported(statement)]
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [name for child in ast.iter_child_nodes(node) for name in imported(child)]
