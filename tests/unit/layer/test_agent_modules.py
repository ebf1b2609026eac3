"""What an agent imports from the layer: every public name of `prefixwarm.observe`, without SDKs."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

from prefixwarm_layer.agent_modules import agent_files

if TYPE_CHECKING:
    from pathlib import Path

PROGRAM = """
import sys
from importlib import import_module
observe = import_module("prefixwarm.observe")
for name in observe.__all__:
    assert getattr(observe, name)
import prefixwarm.observe.observer, prefixwarm.observe.patches
prefixwarm.observe.Observer([]).flush(30)
assert prefixwarm.__version__
others = {"prefixwarm_extension", "anthropic", "boto3"}
print({name.partition(".")[0] for name in sys.modules} & others)
print(prefixwarm.observe.observer.__file__)
"""


@pytest.fixture(scope="module")
def opt(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent's part of the layer, elsewhere than in ``/opt``."""
    folder = tmp_path_factory.mktemp("opt")
    for name, data in agent_files().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            data.replace(b"/opt/prefixwarm/python", f"{folder}/prefixwarm/python".encode())
        )
    return folder


def test_every_public_name_can_be_imported(opt: Path) -> None:
    """And nothing is loaded that the layer does not bring."""
    code = f"import sys; sys.path.insert(0, {str(opt / 'python')!r}){PROGRAM}"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert ran.stderr == ""
    loaded, place = ran.stdout.splitlines()
    assert loaded == "set()"
    assert place.startswith(str(opt))


def test_a_package_on_the_path_goes_before_the_layers(opt: Path, tmp_path: Path) -> None:
    """Also one that another layer puts beside ours: it is then used whole."""
    own = tmp_path / "python" / "prefixwarm"
    own.mkdir(parents=True)
    (own / "__init__.py").write_text("__version__ = 'own'\n")
    (tmp_path / "python" / "prefixwarm.py").write_bytes((opt / "python/prefixwarm.py").read_bytes())
    code = f"import sys; sys.path.insert(0, {str(tmp_path / 'python')!r})\n"
    code += "import prefixwarm; print(prefixwarm.__version__)\nimport prefixwarm.observe"
    ran = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=False
    )
    assert ran.stdout == "own\n"
    assert "No module named 'prefixwarm.observe'" in ran.stderr
