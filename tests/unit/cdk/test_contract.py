"""Construct ids are a contract: renaming one replaces what users have deployed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

SNAPSHOT = Path(__file__).parent / "logical_ids.json"


def test_logical_ids_stay(template: Any) -> None:
    """Every resource of the stored template is still there, under its id and with its type.

    A new resource is added to the file by hand; one that goes or is renamed is a breaking change.
    """
    resources = template.to_json()["Resources"]
    found = {name: resource["Type"] for name, resource in resources.items()}
    stored = json.loads(SNAPSHOT.read_text())
    assert {name: kind for name, kind in found.items() if name in stored} == stored
    assert sorted(set(found) - set(stored)) == []
