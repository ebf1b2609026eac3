"""The simulated provider as local deployments use it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.capture.recording import base_urls
from prefixwarm.provider.routes import ROUTES
from prefixwarm.simulator import Latency, Principal, running

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from prefixwarm.simulator import Simulator


# The example's key: the only one that is taken for it, so that a wrong one would show.
KEY = "sk-ant-local-demo"
LATENCY = Latency(base=0.35, prefill_rate=12_000, read_rate=500_000, output_rate=80)


def provider(key: str | None = None) -> AbstractContextManager[Simulator]:
    """A provider on loopback whose replies take their time.

    Parameters
    ----------
    key
        The only API key that it takes. By default it takes any.
    """
    return running("real", latency=LATENCY, keys={key: Principal()} if key else {})


def addresses(simulator: Simulator) -> dict[str, str]:
    """The variables that lead the requests of every route to it."""
    urls = {**dict.fromkeys(ROUTES, simulator.url), "bedrock-mantle": simulator.mantle_url}
    return base_urls(urls)
