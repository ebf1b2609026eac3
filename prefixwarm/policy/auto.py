"""The default rule: keep warm where a prefix's own starts have shown that it pays."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prefixwarm.policy.rules import Allowance, Gap, Ski, break_even
from prefixwarm.policy.view import TTL_1H, TTL_5M

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.policy.view import View

__all__ = ["CREDIT", "RESERVE", "RISK", "Auto"]

# What keep-warm may cost at worst, as a share of what doing nothing costs.
RISK = 0.05

# What it may cost besides, in waits for a miss: nothing where waiting has no price.
CREDIT = 2

# A longer write is made only when this share of what one silence may cost is left for refreshes:
# without them it would lapse for nothing.
RESERVE = 0.25

# Starts after which an observation counts half.
_FADE = 0.5 ** (1 / 40)
_BOOKS = struct.Struct("<sdddB")
_TAG = b"a"


@dataclass(frozen=True)
class _Books:
    """Two accounts kept per prefix, in units of one uncached read of it.

    Attributes
    ----------
    last : float
        Epoch seconds of the last traffic.
    bank : float
        What may be lost: RISK of what doing nothing would have cost, plus what was saved, less
        what was spent.
    gain : float
        What the ski rule would have saved on the recent starts, whether it was followed or not.
    long : bool
        Whether the living entry was written with the 1 hour TTL.
    """

    last: float
    bank: float
    gain: float
    long: bool

    @property
    def pays(self) -> bool:
        return self.gain > 0


class Auto(Ski):
    """The ski rule where it pays, and no refreshes with the 5 minute TTL where it does not.

    It begins with doing nothing. What doing nothing costs is put aside at RISK; every longer
    write and every refresh is paid from there, and what they save goes back. So at no time has it
    cost more than doing nothing and RISK, and CREDIT waits where waiting has a price.
    """

    def ttl(self, view: View) -> int:
        """One hour where it pays and is affordable; for a new prefix what is asked for."""
        books = _read(view.learned)
        if view.warm_until is None and books is None:
            return view.ttl
        return TTL_1H if books is not None and books.long else TTL_5M

    def allowance(self, view: View) -> Allowance:
        """What the ski rule allows, as far as the bank goes."""
        books = _read(view.learned)
        if books is None:
            return Allowance(0, "no traffic seen yet that would show that refreshes pay")
        if not books.pays:
            return Allowance(0, "its recent starts do not show that refreshes would pay")
        if not books.long:
            return Allowance(0, "refreshes seem to pay, but what they risk is not saved up yet")
        if view.ttl < TTL_1H:
            return Allowance(0, "a 5 minute entry is not worth a refresh")
        allowed = super().allowance(view)
        affordable = int(books.bank / view.multipliers.read + 1e-9)
        if affordable < allowed.refreshes:
            return Allowance(affordable, "more would risk to cost more than doing nothing")
        return allowed

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Keep the books."""
        learned = view.learned
        for at in arrivals:
            learned = _learn(replace(view, learned=learned), at)
        return learned


def _read(learned: bytes) -> _Books | None:
    if learned[:1] != _TAG or len(learned) != _BOOKS.size:
        return None
    _, last, bank, gain, long = _BOOKS.unpack(learned)
    return _Books(last, bank, gain, bool(long))


def _learn(view: View, at: float) -> bytes:
    books, read = _read(view.learned), view.multipliers.read
    short = view.multipliers.write_5m - read + view.latency
    longer = view.multipliers.write_1h - read + view.latency
    if books is None:
        books = _Books(at, RISK * short + CREDIT * view.latency, 0.0, long=False)
    elif at <= books.last:
        return view.learned
    else:
        books = _after(books, at, read, short, longer)
    return _BOOKS.pack(_TAG, books.last, books.bank, books.gain, books.long)


def _after(books: _Books, at: float, read: float, short: float, longer: float) -> _Books:
    """The books after a gap; `short` and `longer` are what a miss costs with either TTL."""
    gap = Gap(at - books.last)
    if gap.seconds < TTL_5M:
        return replace(books, last=at)
    most = break_even(read, longer)
    gain = books.gain * _FADE + short - gap.bill(most, read, longer)
    allowed = min(most, int(books.bank / read + 1e-9)) if books.pays and books.long else 0
    hit = books.long and gap.needed <= allowed
    bank = books.bank + (1 + RISK) * short - (gap.bill(allowed, read, 0) if books.long else 0)
    if hit:
        return _Books(at, bank, gain, long=True)
    long = gain > 0 and bank >= longer * (1 + RESERVE)
    return _Books(at, bank - (longer if long else short), gain, long)
