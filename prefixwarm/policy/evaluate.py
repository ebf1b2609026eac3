"""Computes what a policy costs on given arrivals.

The unit of every cost is one uncached read of the prefix.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import partial
from heapq import merge
from operator import itemgetter
from typing import TYPE_CHECKING, Protocol

from prefixwarm.errors import UsageError
from prefixwarm.policy import decide as deciding
from prefixwarm.policy.policy import Policy
from prefixwarm.policy.run import Conditions, Event, PolicyFunctions, Run
from prefixwarm.policy.view import Decision, Multipliers, View

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class Decider(Protocol):
    """The interface of a custom policy for `replay`."""

    def decide(self, view: View) -> Decision:
        """Decide what to do now."""

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Return new counters after real traffic."""


@dataclass(frozen=True)
class Replay:
    """The costs of a policy on one series of arrivals.

    Attributes
    ----------
    total, excess : float
        All costs; and the costs minus one read per request, its minimum.
    pings : int
        Warm calls, whether refreshes or writes.
    misses : int
        Requests that found the entry cold, including the first.
    starts, start_hits : int
        Requests more than 300 s after the previous one, and those of them that hit.
    deployment, init : float
        The parts of `total` paid at deployments, and by starts.
    """

    total: float
    excess: float
    pings: int
    misses: int
    starts: int
    start_hits: int
    deployment: float = 0.0
    init: float = 0.0

    @property
    def hit_rate(self) -> float | None:
        """The share of session starts that hit; None without session starts."""
        return self.start_hits / self.starts if self.starts else None


def replay(
    arrivals: Sequence[float],
    end: float,
    policy: str | Policy | Decider,
    *,
    read: float = 0.1,
    write_5m: float = 1.25,
    write_1h: float = 2.0,
    latency: float = 0.0,
    tick: float = 60,
    watch: Callable[[Event], None] | None = None,
    agent_ttl: int | None = None,
    observed: bool = True,
    deployments: Sequence[float] = (),
    init_starts: Sequence[float] = (),
    init_per_week: float = math.inf,
) -> Replay:
    """Replay a rule (by name or with limits) or any decider on one prefix's real requests.

    Parameters
    ----------
    arrivals, end : sequence of float, and float
        Starts of the requests, ascending, and the end of the observation; seconds.
    read, write_5m, write_1h, latency : float
        Prices, and the cost of waiting for one miss, in units of one uncached read of the prefix.
    tick : float
        Seconds; warm calls happen at its multiples, after a request at the same time.
    watch : callable, optional
        Called with every request and warm call, in order.
    agent_ttl : int, optional
        The TTL of the requests' own writes, 300 or 3600 seconds. By default the policy's TTL, as if
        the agent followed it.
    observed : bool
        Whether the agent is observed; otherwise its requests are only counted.
    deployments : sequence of float
        When a new version of the prefix, not yet cached, is deployed; seconds.
    init_starts : sequence of float
        When an environment starts whose init phase warms, with or without a following request.
    init_per_week : float
        What starts may spend per week if the agent is not observed; units.

    Raises
    ------
    UsageError
        Arrivals or prices are impossible.
    """
    check_arrivals(arrivals, end)
    if not (read > 0 and write_5m > 0 and write_1h > 0 and latency >= 0 and tick > 0):
        raise UsageError("prices and tick must be above 0, and latency not below")
    prices = Multipliers(read, write_5m, write_1h)
    starts = sorted(init_starts)
    conditions = Conditions(prices, latency, tick, agent_ttl, observed, init_per_week, bool(starts))
    run = Run(_functions_of(policy), conditions, watch or (lambda _: None))
    for at, _, happen in merge(
        ((at, 0, run.deploy) for at in sorted(deployments)),
        ((at, 1, run.start) for at in starts),
        ((at, 2, run.request) for at in arrivals),
        key=itemgetter(0, 1),
    ):
        if at <= end:
            happen(at)
    run.run_checks(end)
    return _account(run, len(arrivals) * read)


def _account(run: Run, reads: float) -> Replay:
    return Replay(
        total=run.total,
        excess=run.total - reads,
        pings=run.pings,
        misses=run.misses,
        starts=run.starts,
        start_hits=run.start_hits,
        deployment=run.deployment,
        init=run.init,
    )


def check_arrivals(arrivals: Sequence[float], end: float) -> None:
    """Refuse impossible arrivals.

    Raises
    ------
    UsageError
        The message names the first invalid arrival.
    """
    previous = 0.0
    for number, at in enumerate(arrivals, 1):
        if not math.isfinite(at) or at < 0:
            raise UsageError(f"arrival {number} is {at!r}: write seconds, 0 or more")
        if at < previous:
            raise UsageError(f"arrival {number} is {at!r}, before the one before it: sort them")
        previous = at
    if not math.isfinite(end) or end < previous:
        raise UsageError(f"the end is {end!r}, before the last arrival at {previous!r}")


def _functions_of(policy: str | Policy | Decider) -> PolicyFunctions:
    if isinstance(policy, (str, Policy)):
        return _NamedPolicy(Policy.of(policy))
    return _CustomPolicy(policy)


class _NamedPolicy:
    """A rule of this package."""

    def __init__(self, policy: Policy) -> None:
        self.decide = partial(deciding.decide, policy=policy)
        self.learn = partial(deciding.learn, policy=policy)
        self.carry_over = partial(deciding.carry_over, policy=policy)
        self.start_allowance = partial(deciding.start_allowance, policy=policy)


class _CustomPolicy:
    """A custom decider; its counters are kept from version to version."""

    def __init__(self, decider: Decider) -> None:
        self.decide, self.learn = decider.decide, decider.learn

    def carry_over(self, view: View) -> bytes:
        return view.learned

    def start_allowance(self, view: View) -> float | None:
        del view
        return None
