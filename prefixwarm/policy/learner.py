"""The state of the learning rules for one prefix: its traffic, and whether an hour pays."""

from __future__ import annotations

import math
import struct
from bisect import bisect_left
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from typing import TYPE_CHECKING

from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.policy.gaps import Gaps
from prefixwarm.policy.rules import Gap
from prefixwarm.policy.survival import Model

if TYPE_CHECKING:
    from prefixwarm.policy.view import View


# The prior saving of a 1 hour life, and its weight in lives.
_GAIN = 1.5
_WEIGHT = 6
_SLOWEST = 1 / 20

# A hit on a first request is worth slightly more than its dollars, so a refresh counts as this
# share of its price.
_REFRESH_DISCOUNT = 0.85
_HORIZON = 200

# Plan no further than a silence that only this share is expected to outlast.
_UNHEARD_OF = 1e-6

# Packed in one byte: the number of lives, capped where it no longer matters, and the index of the
# reserve, a number of refreshes.
_MOST_LIVES = 15
_RESERVES = (0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 12, 14, 17, 20, 25)

_FORMAT = struct.Struct(f"<ffB{Gaps.size}s{Model.size}s")


@dataclass(frozen=True)
class Costs:
    """The prices of a prefix's refreshes and misses, in units of one uncached read.

    Attributes
    ----------
    read : float
        Price of a refresh.
    short, long : float
        The extra cost of a miss over a hit if the entry is written with 5 minutes, and with 1
        hour, including waiting.
    extra : float
        The part of `long` for an extra write, because requests ask for 5 minutes.
    """

    read: float
    short: float
    long: float
    extra: float = 0.0

    @classmethod
    def of(cls, view: View) -> Costs:
        """The costs of a view."""
        prices = view.multipliers
        more = view.latency - prices.read
        short, long = prices.write_5m + more, prices.write_1h + more
        extra = prices.write_5m if view.agent_ttl == TTL_5M else 0.0
        return cls(prices.read, short, long + extra, extra)

    def premium(self, ttl: int) -> float:
        """The extra cost of a miss over a hit, by the TTL it writes."""
        return self.long if ttl >= TTL_1H else self.short


@dataclass(frozen=True)
class Learner:
    """What was learned about one prefix.

    Attributes
    ----------
    packed_model : bytes
        Its traffic, packed by `Model`.
    gaps : Gaps
        Its gaps, for 5 minute entries.
    gain : float
        Average saving of a 1 hour entry's life compared with 5 minute entries, whichever the prefix
        really had.
    saved : float
        The saving of the current life so far.
    lives : int
        The number of lives, up to 15; one that has lost as much as a miss counts as over.
    reserve : int
        How many refreshes a 1 hour entry has recently needed between requests, rounded up to one
        of `_RESERVES`.
    """

    packed_model: bytes
    gaps: Gaps
    gain: float = _GAIN
    saved: float = 0.0
    lives: int = 0
    reserve: int = 0

    size = _FORMAT.size

    @classmethod
    def first(cls, at: float, costs: Costs) -> Learner:
        """The learner of a prefix whose first traffic came at this time (epoch seconds)."""
        return cls(Model(at).pack(), Gaps(), _GAIN - costs.extra)

    @classmethod
    def unpack(cls, packed: bytes) -> Learner:
        """Read what `pack` wrote."""
        gain, saved, counts, gaps, model = _FORMAT.unpack(packed)
        reserve, lives = divmod(counts, _MOST_LIVES + 1)
        return cls(model, Gaps.unpack(gaps), gain, saved, lives, _RESERVES[reserve])

    def pack(self) -> bytes:
        """The learner as bytes."""
        gaps, model = self.gaps.pack(), self.packed_model
        counts = _RESERVES.index(self.reserve) * (_MOST_LIVES + 1) + self.lives
        return _FORMAT.pack(self.gain, self.saved, counts, gaps, model)

    @property
    def last(self) -> float:
        """Epoch seconds of the last traffic."""
        return Model.last_of(self.packed_model)

    def ttl(self, bonus: float = 0.0) -> int:
        """Return the TTL for the next write.

        Parameters
        ----------
        bonus : float
            How much more the life of a 1 hour entry may cost than 5 minute entries.
        """
        return TTL_1H if self.gain > -bonus else TTL_5M

    @property
    def has_seen_gain(self) -> bool:
        """Whether any observation favours a 1 hour entry."""
        return self.saved > 0 or (self.lives > 0 and self.gain > 0)

    def hour_pays(self, costs: Costs, bonus: float = 0.0) -> bool:
        """Whether the life of a 1 hour entry is expected to be worth it, including its write.

        The current life counts as over if that favours the hour; what it has lost so far counts
        against it.

        Parameters
        ----------
        costs : Costs
            Of the prefix.
        bonus : float
            What such a life may cost above 5 minute ones.
        """
        gain = self.gain
        over = gain + self._rate(self.lives + 1) * (self.saved - costs.long - gain)
        return max(gain, over) + min(0.0, self.saved) > -bonus

    @staticmethod
    def _rate(lives: int) -> float:
        return max(_SLOWEST, 1 / (lives + _WEIGHT))

    def refreshes(self, ttl: int, costs: Costs, covered: float = math.inf) -> int:
        """Return how many consecutive refreshes the current silence is worth.

        Parameters
        ----------
        ttl : int
            TTL of the live entry, in seconds.
        costs : Costs
            The prices of refreshes and of the avoided miss.
        covered : float
            The most that may be made. Fewer than needed are not worth making.
        """
        if ttl < TTL_1H:
            return self.gaps.refreshes(costs.read, costs.short, covered)
        read = costs.read * _REFRESH_DISCOUNT
        # However expensive a miss, at most twice the price of the more expensive write.
        most = int(min(covered, _HORIZON, 2 * (costs.long - costs.extra) / read + 1e-9))
        return _cheapest(self.packed_model, read, costs.long, most)

    def write_pays(self, silent: int, price: float, costs: Costs) -> bool:
        """Whether an entry written now, in the midst of a silence, is believed to be worth it.

        Parameters
        ----------
        silent : int
            Refreshes that were due in the silence so far.
        price : float
            Of the write.
        costs : Costs
            What refreshes cost until a request comes, and what it saves then.
        """
        left, onward = 1.0, 0.0
        until = self.refreshes(TTL_1H, costs) + 1
        for chance in islice(Model.unpack(self.packed_model).chances(), silent, until):
            left *= 1 - chance
            onward += left * costs.read
        return (price + onward) * _REFRESH_DISCOUNT <= (1 - left) * costs.long

    def after(self, at: float, costs: Costs) -> Learner:
        """The learner after later traffic."""
        seconds = at - self.last
        long, short = Gap(seconds), Gap(seconds, TTL_5M)
        saved, reserve, allowed = self.saved, self.reserve, 0
        if short.needed:
            allowed = self.refreshes(TTL_1H, costs) if long.due else 0
            saved += short.cost(self.refreshes(TTL_5M, costs), costs.read, costs.short)
            saved -= long.cost(allowed, costs.read, costs.long)
            if long.needed <= allowed:
                reserve = _reserve((reserve + long.needed + 1) // 2)
        learner = replace(
            self,
            packed_model=Model.after(self.packed_model, at),
            gaps=self.gaps.after(seconds),
            saved=saved,
            reserve=reserve,
        )
        over = long.needed > allowed or saved < -costs.long
        return learner._with_life_over() if short.needed and over else learner

    def interrupted(self, costs: Costs) -> Learner:
        """The learner after a deployment, which makes the entry useless."""
        return replace(self, saved=self.saved + costs.short - costs.long)._with_life_over()

    def _with_life_over(self) -> Learner:
        lives = min(self.lives + 1, _MOST_LIVES)
        gain = self.gain + self._rate(lives) * (self.saved - self.gain)
        return replace(self, gain=gain, saved=0.0, lives=lives)


def _reserve(refreshes: int) -> int:
    """The next larger number that a byte tells apart."""
    return _RESERVES[min(bisect_left(_RESERVES, refreshes), len(_RESERVES) - 1)]


@lru_cache(maxsize=256)
def _cheapest(packed_model: bytes, read: float, premium: float, most: int) -> int:
    """Optimal stopping: the number of refreshes with the least expected cost."""
    count, least, spent, silent = 0, premium, 0.0, 1.0
    chances = Model.unpack(packed_model).chances()
    for number, chance in enumerate(islice(chances, most), 1):
        spent += silent * read
        silent *= 1 - chance
        cost = spent + silent * premium
        if cost < least:
            count, least = number, cost
        if spent >= least or silent < _UNHEARD_OF:
            break
    return count
