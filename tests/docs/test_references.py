"""The pages that are made from the code are those of today's code."""

from __future__ import annotations

import ast
import re
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

import pytest

from prefixwarm import settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PACKAGES = ("prefixwarm", "extension", "layer", "cdk")
# Variables that the project reads, but for who develops it, or sets for others.
NOT_FOR_USERS = re.compile(
    r"(AWS_LAMBDA|JSII|POWERTOOLS|PYTHON|XDG|LD|NODE|_)_?\w*|PATH|HOME|PWD|TERM|COLUMNS|NO_COLOR"
    r"|AWS_SHARED_CREDENTIALS_FILE|AWS_ENDPOINT_URL_LAMBDA|AWS_USE_FIPS"
)


@pytest.fixture(scope="module")
def script() -> Any:
    """The script as a module."""
    loader = SourceFileLoader("update_references", str(ROOT / "scripts" / "update-references"))
    spec = spec_from_loader("update_references", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date(script: Any) -> None:
    """Else run scripts/update-references."""
    for page, text in script.pages().items():
        assert text == (DOCS / page).read_text("utf-8"), f"{page}: run scripts/update-references"


def test_a_page_without_marks_is_seen(script: Any) -> None:
    """Else a reference would be left as it was."""
    from references.pages import with_part

    with pytest.raises(ValueError, match="has no marks of 'settings'"):
        with_part("limits.md", "settings", "text")


def test_each_setting_has_its_line() -> None:
    """With a meaning, and somebody who reads it."""
    names = [
        v for n, v in vars(settings).items() if n.isupper() and str(v).startswith("PREFIXWARM")
    ]
    rows = re.findall(
        r"^\| `(\w+)` \| [^|]+ \| ([^|]*) \| ([^|]+) \| (.+) \|$", text(), re.MULTILINE
    )
    assert sorted(row[0] for row in rows) == sorted(names)
    assert all(reader.strip() and meaning.endswith(".") for _, _, reader, meaning in rows)


def test_each_variable_of_others_is_named() -> None:
    """Those that the code asks the environment for."""
    assert variables() - set(re.findall(r"`([A-Z_]+)`", text())) == set()


def text() -> str:
    return (DOCS / "settings.md").read_text("utf-8")


NAME = re.compile(r"(?:AWS|ANTHROPIC|HTTPS?|NO|SSL)_[A-Z_]+")


def variables() -> set[str]:
    """Texts in the code that are names of variables, but for those of our own settings."""
    names = set()
    for package in PACKAGES:
        for file in (ROOT / package).rglob("*.py"):
            for node in ast.walk(ast.parse(file.read_text("utf-8"))):
                if isinstance(node, ast.Constant) and isinstance(node.value, str):
                    names |= set(
                        re.findall(r"^(?:AWS|ANTHROPIC|HTTPS?|NO|SSL)_[A-Z_]+$", node.value)
                    )
    return {name for name in names if not NOT_FOR_USERS.fullmatch(name)}
