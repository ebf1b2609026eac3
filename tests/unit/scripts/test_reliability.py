"""docs/reliability.md is complete, and about the tests as they are."""

from __future__ import annotations

import pytest

from tests.helpers.reliability import MODULES, PAGE, digest, rows, subject


@pytest.mark.parametrize("module", MODULES)
def test_each_module_is_listed(module: str) -> None:
    """As it is now; where it is recorded, by a run of all of its tests, none of which failed."""
    run = f"RECORD_RELIABILITY=1 TEST_EFFORT=ci pytest {module}"
    assert subject(module) in PAGE.read_text(), f"it is not listed, or says something else: {run}"
    row = rows().get(module)
    if row is None:
        return
    assert row["digest"] == digest(module), f"its tests have changed: {run}"
    assert row["failed"] == 0
    assert row["effort"] in ("ci", "full")


def test_nothing_else_is_recorded() -> None:
    """A module that is gone leaves the page, too."""
    assert set(rows()) <= set(MODULES)
