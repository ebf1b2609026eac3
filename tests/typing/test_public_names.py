"""Users' type checkers see the public names as they are: each package ships `py.typed`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

import prefixwarm
import prefixwarm_cdk
import prefixwarm_extension
import prefixwarm_layer

ROOT = Path(__file__).parents[2]
PUBLIC_NAMES = Path(__file__).with_name("public_names.py")
PACKAGES = (prefixwarm, prefixwarm_cdk, prefixwarm_extension, prefixwarm_layer)
PAGES = ("library", "schedule", "testing", "stats", "cost-gate", "conversation", "small-libraries")
EXAMPLES = ("fargate/worker.py",)


def test_each_package_ships_its_types() -> None:
    """Or type checkers ignore what is annotated."""
    for package in PACKAGES:
        assert Path(str(package.__file__)).with_name("py.typed").exists(), package.__name__


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What users write: each public name, each page's blocks as one program, and the examples.

    A checker reads them all at once: reading the SDKs takes it longest.
    """
    folder = tmp_path_factory.mktemp("pages")
    written = []
    for page in PAGES:
        text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        assert blocks, page
        file = folder / f"{page}_page.py"
        file.write_text("\n".join(blocks), "utf-8")
        written.append(file)
    examples = (ROOT / "examples" / example for example in EXAMPLES)
    return [str(file) for file in (PUBLIC_NAMES, *written, *examples)]


def test_mypy_accepts_what_users_write(files: list[str]) -> None:
    """Strict, as a user would run it."""
    check("-m", "mypy", "--strict", "--python-version", "3.10", *files)


def test_pyright_accepts_what_users_write(files: list[str]) -> None:
    """The checker of most editors."""
    check("-m", "pyright", "--pythonpath", sys.executable, *files)


def check(*arguments: str) -> None:
    """Run a type checker; what it complains of is the test's message."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
