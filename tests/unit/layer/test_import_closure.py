"""Which modules a deployed program brings along."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest

from prefixwarm_layer.import_closure import import_closure
from prefixwarm_layer.layout import layer_modules

if TYPE_CHECKING:
    from pathlib import Path

FILES = {
    "__init__": "def __getattr__(name):\n    import sample.lazy\n",
    "program": """
import os
from sample.one import function
from sample import two
TYPE_CHECKING = False
if TYPE_CHECKING:
    from sample.types import Type
else:
    import sample.fallback
try:
    import sample.attempt
except ImportError:
    pass
def later():
    from sample.late import late
""",
    **dict.fromkeys(("one", "two", "lazy", "types", "fallback", "attempt", "unused"), ""),
    "late": "import sample.later_still",
    "later_still": "from sample import late",
}
AT_ONCE = {"", ".program", ".one", ".two", ".fallback", ".attempt"}


@pytest.fixture
def sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A package that counts as ours."""
    folder = tmp_path / "sample"
    folder.mkdir()
    for name, text in FILES.items():
        (folder / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    return folder


def test_what_is_imported_directly_or_not_is_there(sample: Path) -> None:
    """Also in circles; not for types, not on demand, and nothing of others."""
    files = import_closure(["sample.program"], packages=["sample"])
    assert set(files) == {f"sample{name}" for name in {*AT_ONCE, ".late", ".later_still"}}
    assert files["sample"] == sample / "__init__.py"
    assert "sample" not in sys.modules


def test_what_functions_import_can_be_left_out(sample: Path) -> None:
    """What a program loads when it starts."""
    files = import_closure(["sample.program"], late=False, packages=["sample"])
    assert set(files) == {f"sample{name}" for name in AT_ONCE}


def test_the_layer_has_no_module_that_needs_a_data_file() -> None:
    """Its modules come from one file, which holds sources alone."""
    assert not [name for name in layer_modules() if name.startswith("prefixwarm.fields")]
