"""Pytest fixtures: a simulated Messages API per test, and its clock.

Load them in ``conftest.py``: ``pytest_plugins = ["prefixwarm.simulator.pytest"]``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prefixwarm.simulator.in_process import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.simulator.in_process import Simulator


_MARKER = "messages_api(**options): how the messages_api fixture's simulator is set up"


class CacheClock:
    """The simulated time of a test.

    Parameters
    ----------
    simulator : Simulator
        The simulator.
    """

    def __init__(self, simulator: Simulator) -> None:
        self._simulator = simulator

    @property
    def now(self) -> float:
        """Simulated seconds since the epoch."""
        return self._simulator.now()

    def advance(self, seconds: float) -> float:
        """Move time on by `seconds` and return it."""
        return self._simulator.advance(seconds)


def pytest_configure(config: pytest.Config) -> None:
    """Register the marker."""
    config.addinivalue_line("markers", _MARKER)


@pytest.fixture
def messages_api(request: pytest.FixtureRequest) -> Iterator[Simulator]:
    """A simulator for this test alone, on the manual clock.

    ``@pytest.mark.messages_api(refuse_zero=True)`` passes options to
    `prefixwarm.simulator.running`.
    """
    marker = request.node.get_closest_marker("messages_api")
    options = {"clock": "manual", **(marker.kwargs if marker else {})}
    with running(**options) as simulator:
        yield simulator


@pytest.fixture
def cache_clock(messages_api: Simulator) -> CacheClock:
    """The clock of this test's `messages_api`."""
    return CacheClock(messages_api)
