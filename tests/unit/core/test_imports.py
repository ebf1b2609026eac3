"""The init phase imports little: each module costs every cold start."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import prefixwarm

ROOT = Path(prefixwarm.__file__).parent.parent
INIT_PATH = (
    *("warm", "dynamo", "provider", "credentials", "federation", "settings", "warm_call", "report"),
)
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
    __import__("prefixwarm.core." + name)
print(*sorted(set(sys.modules) - before), sep="\\n")
"""


def loaded(names: tuple[str, ...]) -> set[str]:
    """What a fresh interpreter, started as the extension is, loads for these modules."""
    code = CODE.format(root=str(ROOT), names=names)
    asked = [sys.executable, "-I", "-S", "-c", code]
    return set(subprocess.run(asked, capture_output=True, text=True, check=True).stdout.split())


def test_the_init_path_stays_lean() -> None:
    """Nothing of the standard library that is written in Python, but for what is listed."""
    found = loaded(INIT_PATH)
    foreign = {name for name in found if not name.startswith("prefixwarm")}
    assert foreign - ALLOWED == set()
    ours = {name.removeprefix("prefixwarm.core.") for name in found - foreign}
    assert {"prefix_file", "warm_request", "fingerprint", "memory"} & ours == set()


def test_each_module_loads_alone() -> None:
    """No cycle hides behind the order of imports, and no other room is loaded."""
    core = ROOT / "prefixwarm" / "core"
    for path in core.glob("[!_]*.py"):
        found = loaded((path.stem,))
        rooms = {name for name in found if name.startswith("prefixwarm.")}
        assert all(name.startswith("prefixwarm.core") for name in rooms), path


def test_core_needs_the_standard_library_alone() -> None:
    """Imports inside functions count too; what only type checkers see does not."""
    allowed = {*sys.stdlib_module_names, "prefixwarm"}
    for path in (ROOT / "prefixwarm" / "core").glob("*.py"):
        for module in imported(ast.parse(path.read_text(encoding="utf-8"))):
            assert module.partition(".")[0] in allowed, f"{path.name} imports {module}"
            if module.startswith("prefixwarm"):
                assert module.startswith("prefixwarm.core."), f"{path.name} imports {module}"


def imported(node: ast.AST) -> list[str]:
    """The modules that code imports when it runs."""
    if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
        return [name for each in node.orelse for name in imported(each)]
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    return [name for child in ast.iter_child_nodes(node) for name in imported(child)]
