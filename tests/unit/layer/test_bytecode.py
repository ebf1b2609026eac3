"""The layer as bytecode: what is left out, which Pythons import it, and where it is missing."""

from __future__ import annotations

import ast
import base64
import json
import marshal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import MAGIC_NUMBER
from typing import TYPE_CHECKING

import pytest

from prefixwarm_layer import build_cache, bytecode, pyodide
from prefixwarm_layer.bytecode import bytecode_warning, compiled
from prefixwarm_layer.layout import layer_entries, layer_modules, with_bytecode
from prefixwarm_layer.pyodide import BUILDS
from prefixwarm_layer.zips import build_layer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import CodeType

# Takes seconds: `scripts/test --quick` leaves it out.
pytestmark = pytest.mark.slow

IMPORT = """
import sys
from importlib.machinery import ModuleSpec
from marshal import loads

class Bundle:
    def __init__(self, modules):
        self.modules = modules

    def find_spec(self, name, *_):
        ours = name in self.modules
        return ModuleSpec(name, self, is_package=self.modules[name][0]) if ours else None

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
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)
DOUBLING = '''"""A module."""

def doubled(number: int) -> int:
    return 2 * number
'''


def codes(code: CodeType) -> Iterator[CodeType]:
    """A module's code, and that of all that is defined in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, type(code)):
            yield from codes(constant)


@pytest.fixture(scope="module")
def bundle() -> Callable[[pyodide.Build], bytes]:
    """The layer's bytecode for one Python."""
    entries = with_bytecode(layer_entries())
    return lambda build: entries[f"prefixwarm/code/{build.magic}"]


def test_bytecode_has_neither_docstrings_nor_lines(
    bundle: Callable[[pyodide.Build], bytes],
) -> None:
    """Nobody reads them at a cold start, and each byte is fetched."""
    (own,) = (build for build in BUILDS if build.magic == MAGIC_NUMBER.hex())
    for name, (_, code) in marshal.loads(bundle(own)).items():
        constants = [constant for part in codes(code) for constant in part.co_consts]
        tree = ast.parse(layer_modules()[name][1])
        nodes = [node for node in ast.walk(tree) if isinstance(node, DOCUMENTED)]
        assert not {ast.get_docstring(node, clean=False) for node in nodes} & {
            constant for constant in constants if isinstance(constant, str)
        }
        assert all(part.co_linetable == b"" for part in codes(code))


def test_what_an_agent_imports_can_be_in_a_traceback(tmp_path: Path) -> None:
    """Each instruction has a line, its function's first: the standard library needs one."""
    entries = with_bytecode(layer_entries())
    (own,) = (build for build in BUILDS if build.magic == MAGIC_NUMBER.hex())
    tag = own.python.replace("python", "").replace(".", "")
    cached = [data for name, data in entries.items() if name.endswith(f"-{tag}.pyc")]
    assert cached
    for data in cached:
        for part in codes(marshal.loads(data[16:])):
            places = list(part.co_positions())
            assert len(places) == len(part.co_code) // 2
            assert {line for line, *_ in places} == {part.co_firstlineno}


FAILING = """
import sys, traceback
sys.path.insert(0, sys.argv[1])
import anthropic
from prefixwarm.observe import middleware
client = anthropic.Anthropic(
    api_key="k", base_url="http://127.0.0.1:9", max_retries=0, middleware=[middleware()]
)
try:
    client.messages.create(
        model="claude-sonnet-5-5", max_tokens=1, messages=[{"role": "user", "content": "x"}]
    )
except anthropic.APIConnectionError:
    print(traceback.format_exc())
"""


@pytest.mark.slow
def test_a_failed_call_of_an_observed_agent_is_its_own_error(tmp_path: Path) -> None:
    """Its traceback goes through the layer's modules, and can be written as any other."""
    for name, data in with_bytecode(layer_entries()).items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (package,) = tmp_path.rglob("prefixwarm/observe")
    done = subprocess.run(
        [sys.executable, "-c", FAILING, str(package.parents[1])], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert str(package / "anthropic_sdk.py") in done.stdout
    assert "APIConnectionError" in done.stdout


@pytest.mark.slow
def test_the_same_source_gives_the_same_bytes(tmp_path: Path) -> None:
    """In another process: nothing depends on hash seeds, dates or places."""
    build, text = (
        BUILDS[-1],
        json.dumps([{"doubling": (False, DOUBLING)}, {"doubling.py": DOUBLING}]).encode(),
    )
    first, second = (pyodide.run(build, bytecode._PROGRAM, text) for _ in range(2))
    assert first is not None
    assert first[:4].hex() == build.magic
    assert first == second


def imported_by(python: str, file: Path) -> list[str]:
    """The modules of such a file that this Python has imported."""
    program = f"{IMPORT}\nprint(imported(open({str(file)!r}, 'rb').read()))"
    done = subprocess.run([python, "-I", "-S", "-c", program], capture_output=True, text=True)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("minor", ["3.10", *(build.python for build in BUILDS)])
def test_every_python_imports_all_of_the_sources(
    interpreter: Callable[[str], str], minor: str, tmp_path: Path
) -> None:
    """Also one whose bytecode the layer lacks."""
    (tmp_path / "sources").write_bytes(layer_entries()["prefixwarm/code/sources"])
    assert imported_by(interpreter(minor), tmp_path / "sources") == sorted(layer_modules())


@pytest.mark.parametrize("build", BUILDS, ids=lambda build: build.python)
def test_every_python_imports_its_bytecode(
    interpreter: Callable[[str], str],
    bundle: Callable[[pyodide.Build], bytes],
    build: pyodide.Build,
    tmp_path: Path,
) -> None:
    """A native one loads what its build for WebAssembly has compiled."""
    (tmp_path / "bundle").write_bytes(bundle(build))
    assert "prefixwarm_extension.main" in imported_by(
        interpreter(build.python), tmp_path / "bundle"
    )


WASM = """
import base64, hashlib, types

def compiled(text):
    # What its build for WebAssembly lacks.
    hashes = sys.modules["_hashlib"] = types.ModuleType("_hashlib")
    hashes.hmac_digest = hashes.openssl_sha256 = None
    return imported(base64.b64decode(text)).encode()
"""


@pytest.mark.slow
def test_3_14_imports_its_bytecode(bundle: Callable[[pyodide.Build], bytes]) -> None:
    """Under the build for WebAssembly itself: few machines have a native one."""
    build = BUILDS[-1]
    output = pyodide.run(build, IMPORT + WASM, base64.b64encode(bundle(build)))
    assert output is not None
    assert "prefixwarm_extension.main" in output.decode().split()


@pytest.fixture
def without_node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine that has neither Node.js nor anything built before."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.mark.usefixtures("without_node")
def test_a_layer_without_bytecode_says_so(tmp_path: Path) -> None:
    """It still has all sources."""
    layer = build_layer(tmp_path / "layer.zip")
    warning = bytecode_warning(layer)
    assert warning is not None
    assert warning.startswith("the layer has no bytecode for Python 3.11, 3.12, 3.13, 3.14, ")


def test_a_complete_layer_has_nothing_to_say(tmp_path: Path) -> None:
    """Whatever Python this runs under."""
    assert bytecode_warning(build_layer(tmp_path / "layer.zip")) is None


def program(folder: Path, name: str, script: str) -> None:
    """A program on the path."""
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\n{script}\n")
    (folder / name).chmod(0o755)


@pytest.mark.parametrize(
    ("npm", "node"),
    [("echo 'no network' >&2; exit 1", "true"), ("echo other >pyodide-1.tgz", "true")],
    ids=["npm fails", "another package"],
)
def test_a_compiler_that_cannot_be_had_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, npm: str, node: str
) -> None:
    """The build goes on; a package with another digest is never run."""
    program(tmp_path / "bin", "npm", npm)
    program(tmp_path / "bin", "node", node)
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert compiled({"doubling": (False, DOUBLING)}, {}) == {}
    assert not list((tmp_path / "cache").rglob("*.mjs"))


def test_a_node_that_cannot_run_the_compiler_is_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As one that is too old."""
    program(tmp_path / "bin", "node", "echo 'SyntaxError' >&2; exit 1")
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert compiled({"doubling": (False, DOUBLING + "# another one\n")}, {}) == {}


def test_what_several_need_at_once_is_compiled_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By one of them for each Python, while the others wait for it."""
    build, starts = BUILDS[0], tmp_path / "starts"
    output = bytes.fromhex(build.magic) + marshal.dumps((b"bundle", {}), 2)
    program(tmp_path / "bin", "node", f'echo >>{starts}; /bin/sleep 0.2; printf %b "$OUTPUT"')
    monkeypatch.setenv("OUTPUT", "".join(f"\\0{byte:03o}" for byte in output))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(pyodide, "BUILDS", (build,))
    build_cache.folder(f"pyodide-{build.version}").mkdir(parents=True)
    with ThreadPoolExecutor(4) as pool:
        bundles = list(pool.map(lambda _: compiled({}, {}), range(4)))
    assert bundles == [{build: (b"bundle", {})}] * 4
    assert starts.read_text() == "\n"
