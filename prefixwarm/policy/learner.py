"""What the learning rules keep of one prefix: its traffic, and whether an hour pays."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.policy.gaps import Gaps
from prefixwarm.policy.rules import Gap
from prefixwarm.policy.survival import Model

if TYPE_CHECKING:
    from prefixwarm.policy.view import View


# What a 1 hour life is believed to save at first, and how many lives that belief is worth.
_GAIN = 1.5
_WEIGHT = 6
_SLOWEST = 1 / 20

# First requests that hit are worth a little more than their dollars: a refresh counts as this
# share of its price.
_REFRESH_DISCOUNT = 0.85
_HORIZON = 200

_FORMAT = struct.Struct(f"<ffB{Gaps.size}s{Model.size}s")


@dataclass(frozen=True)
class Costs:
    """Prices of a prefix's refreshes and misses, in units of one uncached read of it.

    Attributes
    ----------
    read : float
        Price of a refresh.
    short, long : float
        What a miss costs more than a hit when the entry is written with 5 minutes, and with 1
        hour; waiting included.
    """

    read: float
    short: float
    long: float

    @classmethod
    def of(cls, view: View) -> Costs:
        """The costs of a view."""
        prices = view.multipliers
        more = view.latency - prices.read
        return cls(prices.read, prices.write_5m + more, prices.write_1h + more)

    def premium(self, ttl: int) -> float:
        """What a miss costs more than a hit, by the TTL of what it writes."""
        return self.long if ttl >= TTL_1H else self.short


@dataclass(frozen=True)
class Learner:
    """What was learned of one prefix.

    Attributes
    ----------
    packed_model : bytes
        Its traffic, by `Model`.
    gaps : Gaps
        Its gaps, for 5 minute entries.
    gain : float
        Average of what the life of a 1 hour entry has saved against 5 minute ones, whichever the
        prefix really had.
    saved : float
        What the present life has saved so far.
    lives : int
        How many there were, up to 255; one that has lost as much as a miss counts as over.
    """

    packed_model: bytes
    gaps: Gaps
    gain: float = _GAIN
    saved: float = 0.0
    lives: int = 0

    size = _FORMAT.size

    @classmethod
    def first(cls, at: float) -> Learner:
        """Of a prefix whose first traffic came at this moment (epoch seconds)."""
        return cls(Model(at).pack(), Gaps())

    @classmethod
    def unpack(cls, packed: bytes) -> Learner:
        """Read what `pack` wrote."""
        gain, saved, lives, gaps, model = _FORMAT.unpack(packed)
        return cls(model, Gaps.unpack(gaps), gain, saved, lives)

    def pack(self) -> bytes:
        """All of it as bytes."""
        gaps, model = self.gaps.pack(), self.packed_model
        return _FORMAT.pack(self.gain, self.saved, self.lives, gaps, model)

    @property
    def last(self) -> float:
        """Epoch seconds of the last traffic."""
        return Model.last_of(self.packed_model)

    def ttl(self, bonus: float = 0.0) -> int:
        """The TTL that the next write should ask for.

        Parameters
        ----------
        bonus : float
            What the life of a 1 hour entry may cost more than 5 minute ones.
        """
        return TTL_1H if self.gain > -bonus else TTL_5M

    def refreshes(self, ttl: int, costs: Costs) -> int:
        """How many refreshes in a row the silence is worth that has begun."""
        if ttl < TTL_1H:
            return self.gaps.refreshes(costs.read, costs.short)
        return _cheapest(self.packed_model, costs.read * _REFRESH_DISCOUNT, costs.long)

    def after(self, at: float, costs: Costs) -> Learner:
        """The learner after traffic at a moment later than the last one."""
        seconds = at - self.last
        long, short = Gap(seconds), Gap(seconds, TTL_5M)
        saved, gain, lives = self.saved, self.gain, self.lives
        if short.needed:
            allowed = self.refreshes(TTL_1H, costs) if long.due else 0
            saved += short.cost(self.refreshes(TTL_5M, costs), costs.read, costs.short)
            saved -= long.cost(allowed, costs.read, costs.long)
            if long.needed > allowed or saved < -costs.long:
                lives = min(lives + 1, 255)
                gain += max(_SLOWEST, 1 / (lives + _WEIGHT)) * (saved - gain)
                saved = 0.0
        return replace(
            self,
            packed_model=Model.after(self.packed_model, at),
            gaps=self.gaps.after(seconds),
            gain=gain,
            saved=saved,
            lives=lives,
        )


@lru_cache(maxsize=256)
def _cheapest(packed_model: bytes, read: float, premium: float) -> int:
    """Optimal stopping, backwards: refresh while that costs less than the miss it may avoid."""
    most = min(_HORIZON, int(2 * premium / read + 1e-9))
    chances = Model.unpack(packed_model).chances(most)
    count, onward = most, premium
    for number in range(most, 0, -1):
        refresh = read + (1 - chances[number - 1]) * onward
        if refresh >= premium:
            count = number - 1
        onward = min(refresh, premium)
    return count
