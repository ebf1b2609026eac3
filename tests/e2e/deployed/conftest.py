"""One deployment for all end-to-end tests: what runs is what the CDK CLI deployed."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import pytest

from prefixwarm.local.example_app import ExampleApp
from prefixwarm.local.setup import example
from prefixwarm.local.toolchain import Tools

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.local.measurements import Run
    from prefixwarm.local.stack import DeployedStack


T = TypeVar("T")


class OpenNetwork:
    """The machine's own network: the example's code is trusted."""

    def outside(self, work: Callable[[], T]) -> T:
        """Run this here."""
        return work()


@pytest.fixture(scope="session")
def deployed() -> Iterator[DeployedStack]:
    """Agent stack and warmer stack in a local account."""
    with example(ExampleApp.installed(), Tools(), OpenNetwork(), lambda _: None) as trial:
        yield trial.stack


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
