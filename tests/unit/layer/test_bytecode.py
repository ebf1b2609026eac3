"""The layer's modules as bytecode: what is left out, and which Pythons import them."""

from __future__ import annotations

import base64
import importlib.util
import marshal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from prefixwarm_layer import bytecode
from prefixwarm_layer.bytecode import bundles, interpreters
from prefixwarm_layer.layout import layer_entries, layer_modules

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

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


def codes(code: CodeType) -> Iterator[CodeType]:
    """A module's code, and that of all that is defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from codes(constant)


def test_bytecode_has_neither_docstrings_nor_lines() -> None:
    """Nor asserts: nobody reads them at a cold start, and each byte is fetched."""
    source = '''"""A module."""

def doubled(number: int) -> int:
    """A function."""
    assert number, "no number"
    return 2 * number
'''
    data = bundles({"doubling": (False, source)})[importlib.util.MAGIC_NUMBER.hex()]
    ((name, (package, code)),) = marshal.loads(data).items()
    assert (name, package) == ("doubling", False)
    assert all(part.co_linetable == b"" for part in codes(code))
    texts = [constant for part in codes(code) for constant in part.co_consts]
    assert not {"A module.", "A function.", "no number"} & set(map(str, texts))
    namespace: dict[str, Callable[[int], int]] = {}
    exec(code, namespace)
    assert namespace["doubled"](4) == 8


@pytest.mark.parametrize("minor", ["3.10", *bytecode.SUPPORTED])
def test_every_python_imports_all_of_the_sources(
    interpreter: Callable[[str], str], minor: str, tmp_path: Path
) -> None:
    """Also one whose bytecode the layer lacks."""
    (tmp_path / "sources").write_bytes(layer_entries()["prefixwarm/code/sources"])
    program = f"{IMPORT}\nprint(imported(open({str(tmp_path / 'sources')!r}, 'rb').read()))"
    command = [interpreter(minor), "-I", "-S", "-c", program]
    done = subprocess.run(command, capture_output=True, text=True)
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
