"""The simulator of the model providers, under the name that users' tests import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from prefixwarm.simulator import Simulator


def simulator(clock: str = "manual", **options: Any) -> AbstractContextManager[Simulator]:
    """Run a simulated provider on this machine for the length of a ``with`` block.

    Parameters
    ----------
    clock : str
        ``manual``: time stands still but for `Simulator.advance`; ``real``: it passes.
    **options
        As for `prefixwarm.simulator.running`.

    Returns
    -------
    context manager of Simulator
        Its ``url`` is the base URL of a client of the Claude API, and its ``now`` the clock of a
        `Warmer`.

    Raises
    ------
    UsageError
        When what the simulator needs is not installed.

    Examples
    --------
    >>> with simulator() as sim:
    ...     client = anthropic.Anthropic(base_url=sim.url, api_key="test")
    """
    try:
        from prefixwarm.simulator.in_process import running
    except ImportError as error:
        raise UsageError(
            f"the simulator needs {error.name}: pip install 'prefixwarm[simulator]'"
        ) from error
    return running(clock, **options)
