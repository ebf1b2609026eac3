"""The layer's zip: what is in it, how large it is, and that it is always the same."""

from __future__ import annotations

import importlib.util
import marshal
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from prefixwarm.errors import PrefixFileError
from prefixwarm.prefix import prefix_file
from prefixwarm.prefix.compiled import WarmCall, compile_prefix
from prefixwarm_layer import archive
from prefixwarm_layer.layout import (
    keepwarm_entries,
    layer_entries,
    layer_modules,
    with_bytecode,
)
from prefixwarm_layer.pyodide import BUILDS
from prefixwarm_layer.sbom import LAYER_SBOM
from prefixwarm_layer.zips import build_layer
from tests.helpers.derived import derive

if TYPE_CHECKING:
    from pathlib import Path

CODE = "prefixwarm/code/"
MOST_BYTES = 440_000
# What stands beside the init phase's own files: the sources for a Python without bytecode, what a
# function's handler may import, what its agent does, and the list of what is in it.
AGENT = ("prefixwarm/python/", "prefixwarm/auto/", "prefixwarm/wrapper")
NOT_INIT = (f"{CODE}sources", "python/", "prefixwarm/sbom.cdx.json", *AGENT)
# What an agent's modules take, of which one Python reads about a fifth.
MOST_AGENT_BYTES = 1_100_000


def prefix(folder: Path, name: str = "support") -> Path:
    """A small prefix file."""
    block = {"type": "text", "text": "x" * 5000, "cache_control": {"type": "ephemeral"}}
    body = {
        "model": "claude-sonnet-5-5",
        "max_tokens": 16,
        "system": [block],
        "messages": [{"role": "user", "content": "hi"}],
    }
    headers = {"anthropic-version": "2023-06-01"}
    return prefix_file.write(prefix_file.build(name, derive(body), headers=headers), folder)


@pytest.fixture(scope="module")
def layer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A layer with one prefix."""
    folder = tmp_path_factory.mktemp("layer")
    return build_layer(folder / "layer.zip", [prefix(folder)])


def test_it_is_small(tmp_path: Path) -> None:
    """Without prefixes, with bytecode for every supported Python."""
    bare = build_layer(tmp_path / "bare.zip")
    with zipfile.ZipFile(bare) as content:
        files = {info.filename: info.compress_size for info in content.infolist()}
    assert {CODE + build.magic for build in BUILDS} <= set(files)
    init = [size for name, size in files.items() if not name.startswith(NOT_INIT)]
    assert sum(init) < MOST_BYTES
    agent = [size for name, size in files.items() if name.startswith(AGENT)]
    assert sum(agent) < MOST_AGENT_BYTES


def test_it_can_be_built_without_the_agents_part(tmp_path: Path) -> None:
    """Everything else is the same."""
    with zipfile.ZipFile(build_layer(tmp_path / "alone.zip", observe=False)) as content:
        alone = {info.filename: info.CRC for info in content.infolist()}
    with zipfile.ZipFile(build_layer(tmp_path / "whole.zip")) as content:
        whole = {info.filename: info.CRC for info in content.infolist()}
    assert alone.pop(LAYER_SBOM) != whole.pop(LAYER_SBOM)
    assert alone.items() < whole.items()
    own = (*AGENT, "python/prefixwarm.py")
    assert all(name.startswith(own) for name in whole.keys() - alone.keys())


def test_the_same_inputs_give_the_same_bytes(layer: Path, tmp_path: Path) -> None:
    """Dates, order and modes are fixed; so is the bytecode."""
    again = build_layer(tmp_path / "again.zip", [prefix(tmp_path)])
    assert again.read_bytes() == layer.read_bytes()
    assert with_bytecode(layer_entries()) == with_bytecode(layer_entries())


def test_only_the_launcher_can_be_executed_and_all_can_be_read(layer: Path) -> None:
    """Lambda starts every program in ``extensions``; functions run as another user."""
    with zipfile.ZipFile(layer) as content:
        modes = {i.filename: i.external_attr >> 16 & 0o777 for i in content.infolist()}
        assert content.testzip() is None
    assert modes.pop("extensions/prefixwarm") == 0o755
    assert modes.pop("prefixwarm/wrapper") == 0o755
    assert set(modes.values()) == {0o644}


def test_a_zip_with_prompts_is_the_owners_alone(layer: Path, tmp_path: Path) -> None:
    """What lies in it is readable for the function's user."""
    assert layer.stat().st_mode & 0o777 == 0o600
    assert build_layer(tmp_path / "bare.zip").stat().st_mode & 0o777 == 0o644
    with zipfile.ZipFile(layer) as content:
        assert all(entry.external_attr >> 16 & 0o444 == 0o444 for entry in content.infolist())


def test_the_launcher_is_valid_bash() -> None:
    """Read by the shell, not run."""
    launcher = layer_entries()["extensions/prefixwarm"]
    subprocess.run(["bash", "-n"], input=launcher, check=True)


def test_every_module_is_there_as_source(layer: Path) -> None:
    """A Python without bytecode costs time only."""
    with zipfile.ZipFile(layer) as content:
        sources = marshal.loads(content.read(CODE + "sources"))
        own = marshal.loads(content.read(CODE + importlib.util.MAGIC_NUMBER.hex()))
    assert sources == layer_modules()
    assert set(own) < set(sources)


def test_bytecode_is_named_after_the_python_that_reads_it(layer: Path) -> None:
    """A Python of another minor version, or an early build of this one, never loads it."""
    with zipfile.ZipFile(layer) as content:
        own = content.read(CODE + importlib.util.MAGIC_NUMBER.hex())
    assert "prefixwarm_extension.main" in marshal.loads(own)


def test_the_prefix_lies_beside_the_bytes_that_are_sent(layer: Path, tmp_path: Path) -> None:
    """What the init phase sends is what the prefix file says."""
    with zipfile.ZipFile(layer) as content:
        compiled = content.read("prefixwarm/prefixes/support.warm")
        text = content.read("prefixwarm/prefixes/support.prefix.json")
    expected = compile_prefix(prefix_file.loads(text))
    assert WarmCall.from_bytes(compiled, "support.warm") == expected


def test_a_broken_prefix_file_leaves_nothing_behind(tmp_path: Path) -> None:
    """The error names the file."""
    (tmp_path / "bad.prefix.json").write_text("{")
    with pytest.raises(PrefixFileError, match=r"bad\.prefix\.json"):
        build_layer(tmp_path / "layer.zip", [tmp_path / "bad.prefix.json"])
    assert not (tmp_path / "layer.zip").exists()


def test_several_may_write_the_same_zip_at_once(tmp_path: Path) -> None:
    """As parallel builds do: each sees a whole one, and no scraps are left."""
    target = tmp_path / "out" / "layer.zip"
    entries = {f"file{n}": bytes([n]) * 5000 for n in range(50)}

    def write(_: int) -> bool:
        archive.write(target, entries)
        with zipfile.ZipFile(target) as content:
            return content.testzip() is None

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(write, range(40)))
    assert [path.name for path in target.parent.iterdir()] == ["layer.zip"]


def test_the_roots_have_the_names_that_openssl_looks_for() -> None:
    """Each file's name is its certificate's subject hash."""
    roots = {n: d for n, d in layer_entries().items() if n.startswith("prefixwarm/ca/")}
    assert len(roots) > 100
    for name, certificate in list(roots.items())[:: len(roots) // 5]:
        command = ["openssl", "x509", "-noout", "-subject_hash"]
        done = subprocess.run(command, input=certificate, capture_output=True, check=True)
        assert name.rpartition("/")[2].partition(".")[0] == done.stdout.decode().strip()


def test_the_keep_warm_function_s_code_imports_itself_alone(tmp_path: Path) -> None:
    """Both handlers; boto3 is what Lambda's Python brings."""
    for name, data in keepwarm_entries().items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(data)
    code = "from prefixwarm.keepwarm import handler, worker; print(handler.__file__)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(tmp_path)!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(str(tmp_path))
