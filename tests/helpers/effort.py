"""How much a run of the tests tries, decided here alone: by the variable TEST_EFFORT, which
`scripts/test` sets.

``dev``
    What a change is written with: few examples, a handful of mutants.
``ci``
    What every change must pass.
``full``
    Exhaustive numbers: every mutant, the largest storms, the longest lives. Takes hours.
"""

from __future__ import annotations

import os
from typing import TypeVar

T = TypeVar("T")

PROFILE = os.environ.get("TEST_EFFORT", "dev")
FULL = PROFILE == "full"
# Of a property that says nothing else; one that needs more says how many times as many.
EXAMPLES_BY_PROFILE = {"dev": 15, "ci": 40, "full": 2000}
EXAMPLES = EXAMPLES_BY_PROFILE[PROFILE]


def chosen(*, dev: T, ci: T, full: T) -> T:
    """The one of these that this run is for."""
    return {"dev": dev, "ci": ci, "full": full}[PROFILE]
