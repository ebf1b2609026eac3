"""The default rule: keep warm where a prefix's own traffic has paid for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prefixwarm.policy.learner import Learner, Terms
from prefixwarm.policy.rules import Allowance, Gap, Never
from prefixwarm.policy.view import TTL_1H, TTL_5M

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.policy.view import View


# What keep-warm may cost at worst, as a share of what doing nothing costs.
RISK = 0.05

# What it may cost besides, in waits for a miss: nothing where waiting has no price.
CREDIT = 6

# A 1 hour entry is written only when the bank would still cover so many refreshes of it: without
# them it lapses for nothing where requests come just after the hour.
RESERVE = 3

_FORMAT = struct.Struct(f"<sdBB{Learner.size}s")
_TAG = b"A"


@dataclass(frozen=True)
class _Books:
    """What was learned, and the bank that pays for following it.

    Attributes
    ----------
    learner : Learner
        The prefix's traffic.
    bank : float
        What may be lost, in units of one uncached read: RISK of what doing nothing would have
        cost, plus what was saved, less what was spent.
    missed : bool
        Whether the last traffic wrote the entry; a longer life is not paid for yet.
    wanted : int
        The TTL that this write should have carried.
    """

    learner: Learner
    bank: float
    missed: bool
    wanted: int = TTL_5M

    @classmethod
    def read(cls, learned: bytes) -> _Books | None:
        if learned[:1] != _TAG or len(learned) != _FORMAT.size:
            return None
        _, bank, missed, long, learner = _FORMAT.unpack(learned)
        return cls(Learner.unpack(learner), bank, bool(missed), TTL_1H if long else TTL_5M)

    def pack(self) -> bytes:
        long = self.wanted >= TTL_1H
        return _FORMAT.pack(_TAG, self.bank, self.missed, long, self.learner.pack())

    @classmethod
    def first(cls, at: float, terms: Terms, latency: float, *, missed: bool) -> _Books:
        books = cls(Learner.first(at), RISK * terms.short + CREDIT * latency, missed)
        return replace(books, wanted=books.affordable(terms))

    def settled(self, ttl: int, terms: Terms) -> _Books:
        """The books once it is known which TTL the last write was granted."""
        longer = self.missed and ttl == self.wanted == TTL_1H
        paid = terms.long - terms.short if longer else 0.0
        return replace(self, bank=self.bank - paid, missed=False)

    def affordable(self, terms: Terms) -> int:
        """The TTL to write with."""
        price = terms.long - terms.short + RESERVE * terms.read
        return self.learner.ttl() if self.bank >= price else TTL_5M

    def refreshes(self, ttl: int, terms: Terms) -> tuple[int, int]:
        """How many refreshes this silence is worth, and how many the bank covers."""
        covered = max(0, int(self.settled(ttl, terms).bank / terms.read + 1e-9))
        return self.learner.refreshes(ttl, terms), covered

    def after(self, at: float, ttl: int, terms: Terms) -> _Books:
        """The books after traffic that found, or would have found, an entry of this TTL.

        An entry that lives longer than was wanted is the agent's choice: doing nothing would have
        it, too.
        """
        seconds = at - self.learner.last
        gap, books = Gap(seconds, ttl), self.settled(ttl, terms)
        allowed = min(self.refreshes(ttl, terms)) if gap.due else 0
        lapsed = Gap(seconds, ttl if ttl > self.wanted else TTL_5M).needed
        nothing = (1 + RISK) * terms.short if lapsed else 0.0
        bank = books.bank + nothing - gap.bill(allowed, terms.read, terms.short)
        after = replace(books, learner=self.learner.after(at, terms), bank=bank)
        if gap.needed <= allowed:
            return after
        return replace(after, missed=True, wanted=after.affordable(terms))


class Auto(Never):
    """What `hazard` has learned, as far as it has earned it.

    It begins with doing nothing. What doing nothing costs is put aside at RISK; every longer
    write and every refresh is paid from there, and what they save goes back. So at no time has it
    cost more than doing nothing and RISK, and CREDIT waits where waiting has a price.
    """

    def ttl(self, view: View) -> int:
        """One hour where it pays and is affordable; for a new prefix what is asked for."""
        books = _Books.read(view.learned)
        if books is None:
            return view.ttl if view.warm_until is None else TTL_5M
        return books.wanted if books.missed else books.affordable(Terms.of(view))

    def allowance(self, view: View) -> Allowance:
        """The refreshes with the least expected cost, as far as the bank goes."""
        books = _Books.read(view.learned)
        if books is None:
            return Allowance(0, "no traffic seen yet that would show that refreshes pay")
        worth, covered = books.refreshes(view.ttl, Terms.of(view))
        if covered < worth:
            return Allowance(
                covered,
                f"this silence is worth {worth} refreshes, but its traffic has earned {covered}; "
                "more would risk to cost more than doing nothing",
            )
        return Allowance(worth, f"by its own past, this silence is worth {worth} refreshes")

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Update what is known, and the bank."""
        learned, terms = view.learned, Terms.of(view)
        ttl = TTL_1H if view.ttl >= TTL_1H else TTL_5M
        for at in arrivals:
            books = _Books.read(learned)
            if books is None:
                cold = view.warm_until is None
                learned = _Books.first(at, terms, view.latency, missed=cold).pack()
            elif at > books.learner.last:
                learned = books.after(at, ttl, terms).pack()
        return learned
