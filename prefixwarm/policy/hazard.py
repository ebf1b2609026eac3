"""The rule that learns when a prefix is used."""

from __future__ import annotations

import struct
from functools import lru_cache
from typing import TYPE_CHECKING

from prefixwarm.policy.rules import Allowance, Gap, Ski, break_even
from prefixwarm.policy.survival import Model
from prefixwarm.policy.view import TTL_1H

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.policy.view import View

__all__ = ["GRACE", "SHARE", "Hazard"]

# The books: what the rule has cost more than the ski rule would have, and what that would have
# cost. The rule is followed only while it can at worst end GRACE misses and a SHARE above.
GRACE = 4.0
SHARE = 0.25

# First requests that hit are worth a little more than their dollars.
_LEAN = 0.9
_HORIZON = 200

_BOOKS = struct.Struct("<sff")
_TAG = b"h"


class Hazard(Ski):
    """Refresh while the chance that the silence ends soon is worth it; learned per prefix."""

    def allowance(self, view: View) -> Allowance:
        """The refreshes with the least expected cost, or the break-even count in doubt."""
        fallback = super().allowance(view)
        if view.ttl < TTL_1H or not _valid(view.learned):
            return fallback
        count, trusted = _plan(view.learned, view.multipliers.read, view.miss_premium)
        if not trusted:
            return Allowance(fallback.refreshes, f"{fallback.reason}; learning has not paid yet")
        return Allowance(count, f"by its own past, this silence is worth {count} refreshes")

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Update the model and the books."""
        learned = view.learned if _valid(view.learned) else b""
        for at in arrivals:
            learned = _learn(learned, at, view)
        return learned


def _valid(learned: bytes) -> bool:
    return learned[:1] == _TAG and len(learned) == _BOOKS.size + Model.size


def _learn(learned: bytes, at: float, view: View) -> bytes:
    if not learned:
        return _BOOKS.pack(_TAG, 0.0, 0.0) + Model(at).pack()
    model = Model.unpack(learned[_BOOKS.size :])
    if at <= model.last:
        return learned
    _, excess, spent = _BOOKS.unpack_from(learned)
    gap = Gap(at - model.last)
    if gap.needed:
        read = view.multipliers.read
        premium = view.multipliers.write_1h - read + view.latency
        count, trusted = _plan(learned, read, premium)
        most = break_even(read, premium)
        usual = gap.bill(most, read, premium)
        excess += gap.bill(count if trusted else most, read, premium) - usual
        spent += usual
    model.see(at)
    return _BOOKS.pack(_TAG, excess, spent) + model.pack()


@lru_cache(maxsize=256)
def _plan(learned: bytes, read: float, premium: float) -> tuple[int, bool]:
    """How many refreshes cost least, and whether the books allow to follow it."""
    _, excess, spent = _BOOKS.unpack_from(learned)
    most = min(_HORIZON, int(2 * premium / read + 1e-9))
    chances = Model.unpack(learned[_BOOKS.size :]).chances(most)
    trusted = excess + premium <= GRACE * premium + SHARE * spent
    return _cheapest(chances, read * _LEAN, premium), trusted


def _cheapest(chances: list[float], read: float, premium: float) -> int:
    """Optimal stopping, backwards: refresh while that costs less than the miss it may avoid."""
    count, onward = len(chances), premium
    for number in range(len(chances), 0, -1):
        refresh = read + (1 - chances[number - 1]) * onward
        if refresh >= premium:
            count = number - 1
        onward = min(refresh, premium)
    return count
