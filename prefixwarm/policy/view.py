"""A policy's input and its answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prefixwarm.life import TTL_1H

Action = Literal["refresh", "write", "wait", "rest"]


@dataclass(frozen=True)
class Multipliers:
    """A model's cache prices in units of one uncached read of the prefix."""

    read: float = 0.1
    write_5m: float = 1.25
    write_1h: float = 2.0

    def write(self, ttl: int) -> float:
        """Price of writing an entry with this TTL (seconds)."""
        return self.write_1h if ttl >= TTL_1H else self.write_5m


@dataclass(frozen=True)
class View:
    """All that a policy knows of one prefix when it is asked. Times are epoch seconds.

    Attributes
    ----------
    now : float
        The present.
    last_touch : float or None
        Start of the last call, of any kind, that read or wrote the entry; None before the first.
    warm_until : float or None
        When the entry lapses; None when it was never written.
    ttl : int
        Seconds; what the provider granted last, or before the first write what is asked for.
    idle_refreshes : int
        Refreshes since the last real traffic.
    traffic_at : float or None
        The last sign of real traffic, whether it touched the entry or was only counted.
    multipliers : Multipliers
        The model's own.
    latency : float
        What one miss costs in waiting, in units of one uncached read of the prefix.
    learned : bytes
        What `learn` returned last; at most 400 bytes.
    longest_ttl : int
        Seconds; the longest TTL that is granted.
    agent_ttl : int or None
        Seconds; what the real requests' own writes ask for. None: what `Decision.ttl` says.
    spent : float
        What this version of the prefix has cost beside its requests' own reads and writes, in
        units of one uncached read: warm calls by anyone, less the one read that each start of a
        waiting request may cost, and what requests paid for a longer TTL than they would have.
    starts : int or None
        Observed session starts of this version, the first request among them: requests more than
        300 s after the one before. None where nobody observes the agent.
    start_hits, saves : int
        Those of them that read the entry; and those that read it although it would have lapsed
        without us if it had been written with one hour.
    budget_left_usd, cost_per_refresh_usd : float or None
        US dollars; None for no limit, and for an unknown price.
    """

    now: float
    last_touch: float | None = None
    warm_until: float | None = None
    ttl: int = TTL_1H
    idle_refreshes: int = 0
    traffic_at: float | None = None
    multipliers: Multipliers = Multipliers()
    latency: float = 0.0
    learned: bytes = b""
    longest_ttl: int = TTL_1H
    agent_ttl: int | None = None
    spent: float = 0.0
    starts: int | None = None
    start_hits: int = 0
    saves: int = 0
    budget_left_usd: float | None = None
    cost_per_refresh_usd: float | None = None

    @property
    def alive(self) -> bool:
        """Whether the entry lives."""
        return self.warm_until is not None and self.now < self.warm_until

    @property
    def miss_premium(self) -> float:
        """What a miss costs more than a hit, waiting included."""
        return self.multipliers.write(self.ttl) - self.multipliers.read + self.latency


@dataclass(frozen=True)
class Decision:
    """What to do about a prefix now.

    Attributes
    ----------
    action : str
        ``refresh``: send the warm call unless the entry has lapsed meanwhile.
        ``write``: send it whether the entry lives or not.
        ``wait``: the entry lives; nothing is due.
        ``rest``: nothing is sent although the entry is cold or about to lapse.
    next_check : float or None
        Epoch seconds when to ask again; None: only after a redeploy.
    ttl : int
        Seconds; the TTL to ask for in the next write.
    reason : str
        Why, in words, for people.
    """

    action: Action
    next_check: float | None
    ttl: int
    reason: str

    @property
    def sends(self) -> bool:
        """Whether a warm call is to be made."""
        return self.action in ("refresh", "write")
