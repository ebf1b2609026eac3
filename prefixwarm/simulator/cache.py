"""The prompt cache: entries, lookup and accounting. No I/O; time is an argument."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from prefixwarm.life import TTL_SECONDS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from prefixwarm.simulator.markers import Marker
    from prefixwarm.simulator.prompt_blocks import Block
    from prefixwarm.simulator.settings import Switches


LOOKBACK = 20
_SWEEP_AT_LEAST = 10_000


@dataclass(slots=True)
class Entry:
    """One cached prefix.

    Attributes
    ----------
    owner : tuple of str
        Route, organization, workspace and model of the request that wrote it; for display.
    tokens : int
        Length of the prefix.
    ttl : str
        ``5m`` or ``1h``.
    available_at, expires_at : float
        Simulated seconds since the epoch.
    reads : int
        Number of hits.
    """

    owner: tuple[str, ...]
    tokens: int
    ttl: str
    available_at: float
    expires_at: float
    reads: int = 0


class Write(NamedTuple):
    """A prefix that a request writes."""

    key: bytes
    tokens: int
    ttl: str


@dataclass
class CacheEffect:
    """What the cache does for one request.

    Attributes
    ----------
    total : int
        Prompt tokens; always ``input + read + write_5m + write_1h``.
    read, write_5m, write_1h, input : int
        Tokens by category.
    writes : list of Write
        Entries to be written.
    refreshed : list of (bytes, str)
        Keys of the entries that were hit, and the TTL of the breakpoint that found them.
    last : Marker or None
        The last breakpoint that reaches the minimum length.
    ends : list of int
        Tokens up to and including each block.
    """

    total: int
    read: int = 0
    write_5m: int = 0
    write_1h: int = 0
    input: int = 0
    writes: list[Write] = field(default_factory=list)
    refreshed: list[tuple[bytes, str]] = field(default_factory=list)
    last: Marker | None = None
    ends: list[int] = field(default_factory=list)


class Cache:
    """All entries of all organizations."""

    def __init__(self) -> None:
        self._entries: dict[bytes, Entry] = {}
        self._sweep_at = _SWEEP_AT_LEAST

    def __len__(self) -> int:
        return len(self._entries)

    def clear(self) -> None:
        """Remove every entry."""
        self._entries.clear()

    def live(self, now: float, linger: float) -> Iterator[tuple[bytes, Entry]]:
        """Yield the entries that have not expired, with their keys."""
        for key, entry in self._entries.items():
            if now < entry.expires_at + linger:
                yield key, entry

    def effect(
        self,
        blocks: Sequence[Block],
        keys: Sequence[bytes],
        markers: Sequence[Marker],
        *,
        minimum: int,
        now: float,
        switches: Switches,
    ) -> CacheEffect:
        """Return what a request that starts at `now` reads and writes, without changing anything.

        Parameters
        ----------
        blocks, keys : sequence
            The request's blocks, and the cumulative digest of each.
        markers : sequence of Marker
            Its breakpoints, in order.
        minimum : int
            Tokens below which a breakpoint is ignored.
        now : float
            Start of the request.
        switches : Switches
            For unsettled behaviour.
        """
        ends = list(accumulate(block.tokens for block in blocks))
        effect = CacheEffect(total=ends[-1] if ends else 0, ends=ends)
        counted = [m for m in markers if ends[m.at] >= minimum and not switches.ignore_markers]
        effect.last = counted[-1] if counted else None
        hit = self._hit(blocks, keys, counted, now, switches.linger)
        missed = counted
        if hit is not None:
            effect.read = ends[hit.at]
            effect.refreshed = self._refreshed(keys, counted, hit, now, switches)
            missed = [marker for marker in counted if marker.at > hit.at]
        _account(effect, keys, missed, switches)
        return effect

    def _hit(
        self,
        blocks: Sequence[Block],
        keys: Sequence[bytes],
        markers: Sequence[Marker],
        now: float,
        linger: float,
    ) -> Marker | None:
        """Find the longest hit: its block, with the TTL of the breakpoint that reads it."""
        for marker in reversed(markers):
            lowest = blocks[marker.at].position - LOOKBACK
            for index in range(marker.at, -1, -1):
                if blocks[index].position <= lowest:
                    break
                if self._readable(keys[index], now, linger):
                    return marker._replace(at=index)
        return None

    def _readable(self, key: bytes, now: float, linger: float) -> bool:
        entry = self._entries.get(key)
        return entry is not None and entry.available_at <= now < entry.expires_at + linger

    def _refreshed(
        self,
        keys: Sequence[bytes],
        markers: Sequence[Marker],
        hit: Marker,
        now: float,
        switches: Switches,
    ) -> list[tuple[bytes, str]]:
        nested = [m for m in markers if m.at < hit.at] if switches.refresh_nested else []
        live = [m for m in nested if self._readable(keys[m.at], now, switches.linger)]
        return [(keys[marker.at], marker.ttl) for marker in (hit, *live)]

    def commit(
        self,
        effect: CacheEffect,
        *,
        owner: tuple[str, ...],
        start: float,
        available_at: float,
        switches: Switches,
    ) -> None:
        """Apply the effect of a successful request.

        Parameters
        ----------
        effect : CacheEffect
            From `effect`.
        owner : tuple of str
            See `Entry`.
        start : float
            Start of the request, from which lifetimes count.
        available_at : float
            When other requests see what it wrote.
        switches : Switches
            For unsettled behaviour.
        """
        for key, ttl in effect.refreshed:
            self._refresh(key, ttl, start, switches.ttl_upgrade)
        for write in effect.writes:
            expires_at = start + TTL_SECONDS[write.ttl]
            entry = Entry(owner, write.tokens, write.ttl, available_at, expires_at)
            self._write(write.key, entry)
        if len(self._entries) > self._sweep_at:
            self._sweep(start - switches.linger)

    def _refresh(self, key: bytes, ttl: str, start: float, upgrade: bool) -> None:
        entry = self._entries.get(key)
        if entry is None:
            return
        entry.reads += 1
        if upgrade and TTL_SECONDS[ttl] > TTL_SECONDS[entry.ttl]:
            entry.ttl = ttl
        entry.expires_at = max(entry.expires_at, start + TTL_SECONDS[entry.ttl])

    def _write(self, key: bytes, new: Entry) -> None:
        """Store an entry; if one is about to become available, keep the earlier time."""
        old = self._entries.get(key)
        if old is not None and old.expires_at > new.available_at:
            new.available_at = min(old.available_at, new.available_at)
            new.ttl = max(old.ttl, new.ttl, key=lambda ttl: TTL_SECONDS[ttl])
            new.expires_at = max(old.expires_at, new.expires_at)
            new.reads = old.reads
        self._entries[key] = new

    def _sweep(self, now: float) -> None:
        self._entries = {key: e for key, e in self._entries.items() if e.expires_at > now}
        self._sweep_at = max(_SWEEP_AT_LEAST, 2 * len(self._entries))


def _account(
    effect: CacheEffect, keys: Sequence[bytes], missed: Sequence[Marker], switches: Switches
) -> None:
    """Split the tokens after the hit: 1 h up to the last 1 h breakpoint, 5 m up to the last one."""
    hour = last = effect.read
    for marker in missed:
        ttl = "5m" if switches.downgrade_1h else marker.ttl
        last = effect.ends[marker.at]
        hour = last if ttl == "1h" else hour
        effect.writes.append(Write(keys[marker.at], last, ttl))
    effect.write_1h = hour - effect.read
    effect.write_5m = last - hour
    effect.input = effect.total - last
