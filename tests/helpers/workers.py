"""Warmers that have workers with few prefixes."""

from __future__ import annotations

from prefixwarm_cdk import PrefixWarmer


def warmer_with_workers(beyond: int = 0) -> type[PrefixWarmer]:
    """The construct, which then has workers with more prefixes than these."""

    class WithWorkers(PrefixWarmer):
        most_in_a_tick = beyond

    return WithWorkers
