"""The simulator, under the name that users' tests import."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from prefixwarm.errors import UsageError
from prefixwarm.extras import install, is_optional

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from prefixwarm.simulator import Simulator


def simulator(clock: str = "manual", **options: Any) -> AbstractContextManager[Simulator]:
    """Run a simulated provider on this machine during a ``with`` block.

    Parameters
    ----------
    clock : str
        ``manual``: time moves only with `Simulator.advance`; ``real``: it passes.
    **options
        As in `prefixwarm.simulator.running`.

    Returns
    -------
    context manager of Simulator
        Its ``url`` is the base URL for a client of the Claude API, and its ``now`` the clock for a
        `Warmer`.

    Raises
    ------
    UsageError
        The simulator's dependencies are not installed.

    Examples
    --------
    >>> with simulator() as sim:
    ...     client = anthropic.Anthropic(base_url=sim.url, api_key="test")
    """
    try:
        from prefixwarm.simulator.in_process import running
    except ModuleNotFoundError as error:
        if not is_optional(error.name):
            raise
        raise UsageError(install("the simulator", str(error.name))) from error
    return running(clock, **options)
