"""The reference of the warm state in the docs is made from its schema."""

from __future__ import annotations

from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from typing import Any

from prefixwarm.state.warm_state import FIELDS

ROOT = Path(__file__).resolve().parents[3]


def script() -> Any:
    """The script as a module."""
    loader = SourceFileLoader("reference", str(ROOT / "scripts" / "update-state-reference"))
    spec = spec_from_loader("reference", loader)
    assert spec is not None
    module = module_from_spec(spec)
    loader.exec_module(module)
    return module


def test_the_reference_is_up_to_date() -> None:
    """Else run scripts/update-state-reference."""
    page = (ROOT / "docs" / "state.md").read_text()
    assert script().updated(page) == page
    assert all(f"| `{attribute}` | " in page for attribute in FIELDS)
