"""A policy's input and output."""

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
    """A policy's input: everything known about one prefix. Times are epoch seconds.

    Attributes
    ----------
    now : float
        The current time.
    last_touch : float or None
        Start of the last call, of any kind, that read or wrote the entry; None before the first.
    warm_until : float or None
        When the entry expires; None if it was never written.
    ttl : int
        Seconds; the TTL last granted, or before the first write the requested one.
    idle_refreshes : int
        Refreshes since the last real traffic.
    traffic_at : float or None
        The last real traffic, whether it used the entry or was only counted.
    multipliers : Multipliers
        The model's prices.
    latency : float
        The cost of waiting for one miss, in units of one uncached read of the prefix.
    learned : bytes
        The last result of `learn`; at most 400 bytes.
    longest_ttl : int
        Seconds; the longest TTL that is granted.
    agent_ttl : int or None
        Seconds; the TTL of the real requests' own writes. None for `Decision.ttl`.
    spent : float
        What this version of the prefix has cost besides its requests' own reads and writes, in
        units of one uncached read: warm calls by anyone, minus the one read that each start for a
        waiting request may cost, plus what requests paid for a longer TTL than their own.
    starts : int or None
        Observed session starts of this version, the first request among them: requests more than
        300 s after the previous one. None if the agent is not observed.
    start_hits, saves : int
        Session starts that read the entry; and those that read it although, even written with one
        hour, it would have expired without prefixwarm, less those that wrote it although, written
        with one hour, it would have lived.
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
        """Whether the entry is alive."""
        return self.warm_until is not None and self.now < self.warm_until

    @property
    def miss_premium(self) -> float:
        """The extra cost of a miss over a hit, including waiting."""
        return self.multipliers.write(self.ttl) - self.multipliers.read + self.latency


@dataclass(frozen=True)
class Decision:
    """What to do about a prefix now.

    Attributes
    ----------
    action : str
        ``refresh``: send the warm call unless the entry has expired meanwhile.
        ``write``: send it whether the entry is alive or not.
        ``wait``: the entry is alive; nothing is due.
        ``rest``: send nothing although the entry is cold or about to expire.
    next_check : float or None
        Epoch seconds of the next check; None: only after a redeployment.
    ttl : int
        Seconds; the TTL of the next write.
    reason : str
        A human-readable reason.
    """

    action: Action
    next_check: float | None
    ttl: int
    reason: str

    @property
    def sends(self) -> bool:
        """Whether to make a warm call."""
        return self.action in ("refresh", "write")
