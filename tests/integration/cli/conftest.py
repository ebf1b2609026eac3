"""A provider for the command line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prefixwarm.simulator import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator import Simulator


@pytest.fixture
def provider(monkeypatch: pytest.MonkeyPatch) -> Iterator[Simulator]:
    """One that the environment points to, with a key."""
    with running(clock="manual") as simulator:
        monkeypatch.setenv("ANTHROPIC_BASE_URL", simulator.url)
        monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-test")
        yield simulator
