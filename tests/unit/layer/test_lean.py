"""What is taken out of the layer's sources, and that the rest is the same program."""

from __future__ import annotations

import ast
import base64
import subprocess
from pathlib import Path

import pytest

from prefixwarm_layer import bytecode
from prefixwarm_layer.bytecode import interpreters
from prefixwarm_layer.layout import layer_entries, layer_modules
from prefixwarm_layer.lean import lean, only_used

SOURCE = '''"""A module."""

from __future__ import annotations

__all__ = ["Point"]

TYPE_CHECKING = False
if TYPE_CHECKING:
    from nowhere import Thing
else:
    Thing = object

count: int = 2  # a comment
later: str
texts = ["# none of them", """one

# two"""]


class Point(Thing):
    """A class."""

    x: int
    y: dict[str, int] = {}

    def moved(self, by: int = 1, *more: int, to: int | None = None) -> Point:
        """A method."""
        moved: int = self.x + by
        return f"é{moved!r}{', '.join(texts)}"


class Empty:
    """Nothing else."""
'''
LEAN = '''\
from __future__ import annotations
pass
TYPE_CHECKING = False
if TYPE_CHECKING:
    pass
else:
    Thing = object
count = 2
pass
texts = ["# none of them", """one

# two"""]
class Point(Thing):
    x: 0
    y: 0 = {}
    def moved(self, by = 1, *more, to = None) :
        moved = self.x + by
        return f"é{moved!r}{', '.join(texts)}"
class Empty:
    pass
'''


def test_words_for_readers_and_checkers_go() -> None:
    """The names of a class's annotated attributes stay: records are made of them."""
    assert lean(SOURCE) == LEAN


def test_what_nothing_names_goes() -> None:
    """And then what only that named; names in texts, imports and attributes keep what they name."""
    one = """\
def used(): ...
@used
def unused():
    helper()
def helper(): ...
class Store:
    def read(self): ...
    def plan(self): ...
    def __len__(self): ...
"""
    two = """\
from one import used
def by_text(): ...
which = "by_text"
"""
    left = only_used({"one": one, "two": two}, ["from one import Store\nStore().read()"])
    assert left["two"] == two
    assert (
        left["one"]
        == """\
def used(): ...
pass
pass
class Store:
    def read(self): ...
    pass
    def __len__(self): ...
"""
    )


def test_what_is_lean_stays_as_it_is() -> None:
    """So nothing is taken for something else."""
    assert lean(LEAN) == LEAN


def test_no_source_of_the_layer_has_words_left() -> None:
    """Neither docstrings nor types, whatever Python it was built with."""
    programs = [data.decode() for name, data in layer_entries().items() if name.endswith(".py")]
    for source in [*programs, *(source for _, source in layer_modules().values())]:
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.FunctionDef):
                assert node.returns is None
                assert ast.get_docstring(node) is None


IMPORT = """
import sys
from importlib.machinery import ModuleSpec
from marshal import loads

class Bundle:
    def __init__(self, modules):
        self.modules = modules

    def find_spec(self, name, *_):
        known = name in self.modules
        return ModuleSpec(name, self, is_package=self.modules[name][0]) if known else None

    def create_module(self, _):
        pass

    def exec_module(self, module):
        exec(self.modules[module.__name__][1], module.__dict__)

def imported(data):
    modules = loads(data)
    sys.meta_path.insert(0, Bundle(modules))
    for name in modules:
        __import__(name)
    return " ".join(sorted(modules))
"""


@pytest.mark.parametrize("minor", ["3.10", *bytecode.SUPPORTED])
def test_every_python_imports_all_of_the_sources(minor: str, tmp_path: Path) -> None:
    """Also one whose bytecode the layer lacks."""
    native = next((p for p in bytecode._candidates(minor) if bytecode._is_python(p, minor)), None)
    if native is None:
        pytest.skip(f"no Python {minor} on this machine")
    (tmp_path / "sources").write_bytes(layer_entries()["prefixwarm/code/sources"])
    program = f"{IMPORT}\nprint(imported(open({str(tmp_path / 'sources')!r}, 'rb').read()))"
    done = subprocess.run([native, "-I", "-S", "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    assert done.stdout.split() == sorted(layer_modules())


WASM = """
import base64, hashlib, types

def compiled(text):
    # What its build for WebAssembly lacks.
    hashes = sys.modules["_hashlib"] = types.ModuleType("_hashlib")
    hashes.hmac_digest = hashes.openssl_sha256 = None
    from importlib.util import MAGIC_NUMBER
    return (MAGIC_NUMBER.hex() + " " + imported(base64.b64decode(text))).encode()
"""


def test_a_python_for_webassembly_compiles_and_imports_what_3_14_loads() -> None:
    """The bytecode of a 3.14 where the machine has none of its own."""
    folder = bytecode._wasm("3.14")
    if folder is None:
        pytest.skip("scripts/fetch-python3.14 has not been run, or there is no node")
    modules = layer_modules()
    data = bytecode._compiled_by(folder, modules)
    magic, bundle = data[:4], data[4:]
    command = bytecode._command(folder)
    command[-1] = IMPORT + WASM
    done = subprocess.run(command, input=base64.b64encode(bundle), capture_output=True, check=True)
    assert done.stdout.decode().split() == [magic.hex(), *sorted(modules)]
    assert magic == b"\x2b\x0e\r\n"  # 3627: CPython 3.14
    assert bytecode._compiled_by(folder, modules) == data
    assert Path(interpreters()["3.14"]).exists()
