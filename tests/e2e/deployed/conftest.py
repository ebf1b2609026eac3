"""One deployment for all end-to-end tests: what runs is what the CDK CLI deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prefixwarm.local.setup import stack as set_up
from prefixwarm.local.toolchain import Tools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.local.measurements import Run
    from prefixwarm.local.stack import DeployedStack


@pytest.fixture(scope="session")
def deployed() -> Iterator[DeployedStack]:
    """Agent stack and warmer stack in a local account."""
    with set_up(Tools(), lambda _: None) as stack:
        yield stack


@pytest.fixture
def stack(deployed: DeployedStack) -> DeployedStack:
    """The same with a cold cache, an empty state and a healthy provider."""
    deployed.clear()
    return deployed


@pytest.fixture(scope="session")
def cold(deployed: DeployedStack) -> Run:
    """The agent's first request without the layer, on a cold cache."""
    deployed.clear()
    return deployed.start(deployed.agent.without_layers())
