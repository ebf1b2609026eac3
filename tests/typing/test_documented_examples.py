"""What the library's pages and examples write passes type checkers, as a user's own code would."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.typing.test_public_names import check

ROOT = Path(__file__).parents[2]
PAGES = ("library", "schedule", "testing", "stats", "cost-gate", "conversation", "small-libraries")
EXAMPLES = ("fargate/worker.py",)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Each page's blocks as one program, and the examples."""
    folder = tmp_path_factory.mktemp("pages")
    written = []
    for page in PAGES:
        text = (ROOT / "docs" / f"{page}.md").read_text("utf-8")
        blocks = re.findall(r"^```python\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        assert blocks, page
        file = folder / f"{page}_page.py"
        file.write_text("\n".join(blocks), "utf-8")
        written.append(str(file))
    return [*written, *(str(ROOT / "examples" / example) for example in EXAMPLES)]


def test_mypy(files: list[str]) -> None:
    """Strict."""
    check("-m", "mypy", "--strict", "--python-version", "3.10", *files)


def test_pyright(files: list[str]) -> None:
    """As editors do."""
    check("-m", "pyright", "--pythonpath", sys.executable, *files)
