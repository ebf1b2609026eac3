"""Sums of billed tokens, by group and by minute."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, NamedTuple

from prefixwarm.state.outcome import CATEGORIES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.state.outcome import Usage

_MINUTE = 60.0
# Further groups are merged into one, so that ever-new labels do not use up memory.
MOST_GROUPS = 1000
OTHER = "(other)"

# The class of a miss by the seconds since the last request, at most.
_MISSES = (
    (5.0, "misses_together"),
    (300.0, "misses_soon"),
    (3600.0, "misses_hour"),
    (43200.0, "misses_half_day"),
    (float("inf"), "misses_later"),
)
_LIVES = {"write_12h": 43200.0, "write_1h": 3600.0, "write_30m": 1800.0, "write_5m": 300.0}


class Group(NamedTuple):
    """The properties that group requests.

    Attributes
    ----------
    prefix, model, version : str
        As recorded, or "".
    form : str
        The API: ``anthropic``, ``converse``, ``openai``, ``gemini``; empty if unknown.
    warm : bool
        Whether they are warm calls.
    served : tuple of str
        Geography, speed and service tier, which change prices.
    longer_than : int
        The price tier, by the prompt's length in tokens.
    """

    prefix: str
    model: str
    version: str
    form: str
    warm: bool
    served: tuple[str, str, str] = ("", "", "")
    longer_than: int = 0

    def renamed(self) -> Group:
        """The group for everything without its own group."""
        return self._replace(prefix=OTHER, version=OTHER)


@dataclass
class Sums:
    """Totals of some requests.

    Attributes
    ----------
    requests, hits, unmeasured : int
        Requests with a usage; those of them that read something; and requests with no usage or an
        invalid one.
    misses_together, misses_soon, misses_hour, misses_half_day, misses_later : int
        Requests that read nothing, by the time since the last one of the same prefix and model: up
        to 5 seconds, 5 minutes, an hour, 12 hours, longer. A first request is not counted.
    longest : int
        The longest prompt, in tokens.
    read_after_warm : int
        Tokens read while an entry from a warm call was alive.
    input, output, read, write_5m, write_1h, write_30m, write_12h : int
        Tokens by price category.
    """

    requests: int = 0
    hits: int = 0
    unmeasured: int = 0
    misses_together: int = 0
    misses_soon: int = 0
    misses_hour: int = 0
    misses_half_day: int = 0
    misses_later: int = 0
    longest: int = 0
    read_after_warm: int = 0
    input: int = 0
    output: int = 0
    read: int = 0
    write_5m: int = 0
    write_1h: int = 0
    write_30m: int = 0
    write_12h: int = 0

    @property
    def written(self) -> int:
        """Tokens written, with any TTL."""
        return self.write_5m + self.write_1h + self.write_30m + self.write_12h

    @property
    def prompt(self) -> int:
        """Tokens of all prompts."""
        return self.input + self.read + self.written

    @property
    def misses(self) -> int:
        """Requests that read nothing although another came before."""
        return sum(getattr(self, name) for _, name in _MISSES)

    def add(self, other: Sums) -> None:
        """Add other sums."""
        for one in fields(self):
            name = one.name
            both = getattr(self, name), getattr(other, name)
            setattr(self, name, max(both) if name == "longest" else sum(both))

    def count(self, usage: Usage | None, gap: float | None, warmed: bool) -> None:
        """Add one request; `gap` is the seconds since the last one, None for the first."""
        if usage is None:
            self.unmeasured += 1
            return
        self.requests += 1
        self.longest = max(self.longest, usage.prompt)
        self.read_after_warm += usage.read if warmed else 0
        for name in CATEGORIES:
            if tokens := getattr(usage, name):
                setattr(self, name, getattr(self, name) + tokens)
        if usage.read:
            self.hits += 1
        elif gap is not None:
            name = next(name for most, name in _MISSES if gap <= most)
            setattr(self, name, getattr(self, name) + 1)


@dataclass
class _Row:
    total: Sums = field(default_factory=Sums)
    minutes: dict[int, Sums] = field(default_factory=dict)


class _Entry:
    """The last request of a prefix and model, and its entry from a warm call."""

    def __init__(self) -> None:
        self.last: float | None = None
        self._life = _LIVES["write_5m"]
        self._warm_until = 0.0

    def gap(self, at: float) -> float | None:
        """Return the seconds since the last real request, and make this one the last."""
        before, self.last = self.last, max(at, self.last or at)
        return None if before is None else at - before

    def warm(self, usage: Usage, at: float) -> None:
        """Note that a warm call used the entry."""
        written = (life for name, life in _LIVES.items() if getattr(usage, name))
        self._life = next(written, self._life)
        if usage.read or usage.written:
            self._warm_until = at + self._life

    def reads_what_was_warmed(self, usage: Usage, at: float) -> bool:
        """Whether a request reads a live entry from a warm call; a read extends its life."""
        if not usage.read or at > self._warm_until:
            return False
        self._warm_until = max(self._warm_until, at + self._life)
        return True


class Window:
    """Sums by group: for all time, and for each recent minute.

    Parameters
    ----------
    keep_seconds : float
        How long to keep minutes.
    """

    def __init__(self, keep_seconds: float) -> None:
        self._keep = keep_seconds
        self._rows: dict[Group, _Row] = defaultdict(_Row)
        self._entries: dict[tuple[str, str], _Entry] = defaultdict(_Entry)

    def add(self, group: Group, usage: Usage | None, at: float) -> None:
        """Count one request sent at `at` (epoch seconds); a None usage counts as unmeasured."""
        if group not in self._rows and len(self._rows) >= MOST_GROUPS:
            group = group.renamed()
        if group not in self._rows and len(self._rows) >= 2 * MOST_GROUPS:
            group = group._replace(model=OTHER)
        gap, warmed = self._follow(group, usage, at)
        row = self._rows[group]
        row.total.count(usage, gap, warmed)
        minute = int(at // _MINUTE)
        if minute not in row.minutes:
            self._forget(row, at)
            row.minutes[minute] = Sums()
        row.minutes[minute].count(usage, gap, warmed)

    def rows(
        self, since: float | None, takes: Callable[[Group], bool]
    ) -> Iterator[tuple[Group, Sums]]:
        """The sums of the groups that `takes` accepts, for all time or since a minute."""
        for group, row in list(self._rows.items()):
            if not takes(group):
                continue
            if since is None:
                yield group, row.total
                continue
            sums = Sums()
            for minute, one in list(row.minutes.items()):
                if minute >= since // _MINUTE:
                    sums.add(one)
            yield group, sums

    def _follow(self, group: Group, usage: Usage | None, at: float) -> tuple[float | None, bool]:
        """The seconds since the last request, and whether a warm call's entry is read."""
        entry = self._entries[group.prefix, group.model]
        if group.warm:
            if usage is not None:
                entry.warm(usage, at)
            return None, False
        gap = entry.gap(at)
        return gap, usage is not None and entry.reads_what_was_warmed(usage, at)

    def _forget(self, row: _Row, at: float) -> None:
        oldest = (at - self._keep) // _MINUTE
        for minute in [minute for minute in row.minutes if minute < oldest]:
            del row.minutes[minute]
