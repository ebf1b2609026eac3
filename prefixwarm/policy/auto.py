"""The default rule: keep warm where a prefix's own traffic has paid for it."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.policy.learner import Costs, Learner
from prefixwarm.policy.rules import Allowance, Gap, Never

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
class _Account:
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
    def read(cls, learned: bytes) -> _Account | None:
        if learned[:1] != _TAG or len(learned) != _FORMAT.size:
            return None
        _, bank, missed, long, learner = _FORMAT.unpack(learned)
        return cls(Learner.unpack(learner), bank, bool(missed), TTL_1H if long else TTL_5M)

    def pack(self) -> bytes:
        long = self.wanted >= TTL_1H
        return _FORMAT.pack(_TAG, self.bank, self.missed, long, self.learner.pack())

    @classmethod
    def first(cls, at: float, costs: Costs, latency: float, *, missed: bool) -> _Account:
        account = cls(Learner.first(at), RISK * costs.short + CREDIT * latency, missed)
        return replace(account, wanted=account.affordable(costs))

    def settled(self, ttl: int, costs: Costs) -> _Account:
        """The account once it is known which TTL the last write was granted."""
        longer = self.missed and ttl == self.wanted == TTL_1H
        paid = costs.long - costs.short if longer else 0.0
        return replace(self, bank=self.bank - paid, missed=False)

    def affordable(self, costs: Costs) -> int:
        """The TTL to write with."""
        price = costs.long - costs.short + RESERVE * costs.read
        return self.learner.ttl() if self.bank >= price else TTL_5M

    def refreshes(self, ttl: int, costs: Costs) -> tuple[int, int]:
        """How many refreshes this silence is worth, and how many the bank covers."""
        covered = max(0, int(self.settled(ttl, costs).bank / costs.read + 1e-9))
        return self.learner.refreshes(ttl, costs), covered

    def after(self, at: float, ttl: int, costs: Costs) -> _Account:
        """The account after traffic that found, or would have found, an entry of this TTL.

        An entry that lives longer than was wanted is the agent's choice: doing nothing would have
        it, too.
        """
        seconds = at - self.learner.last
        gap, account = Gap(seconds, ttl), self.settled(ttl, costs)
        allowed = min(self.refreshes(ttl, costs)) if gap.due else 0
        lapsed = Gap(seconds, ttl if ttl > self.wanted else TTL_5M).needed
        nothing = (1 + RISK) * costs.short if lapsed else 0.0
        bank = account.bank + nothing - gap.cost(allowed, costs.read, costs.short)
        after = replace(account, learner=self.learner.after(at, costs), bank=bank)
        if gap.needed <= allowed:
            return after
        return replace(after, missed=True, wanted=after.affordable(costs))


class Auto(Never):
    """What `hazard` has learned, as far as it has earned it.

    It begins with doing nothing. What doing nothing costs is put aside at RISK; every longer
    write and every refresh is paid from there, and what they save goes back. So at no time has it
    cost more than doing nothing and RISK, and CREDIT waits where waiting has a price.
    """

    def ttl(self, view: View) -> int:
        """One hour where it pays and is affordable; for a new prefix what is asked for."""
        account = _Account.read(view.learned)
        if account is None:
            return view.ttl if view.warm_until is None else TTL_5M
        return account.wanted if account.missed else account.affordable(Costs.of(view))

    def allowance(self, view: View) -> Allowance:
        """The refreshes with the least expected cost, as far as the bank goes."""
        account = _Account.read(view.learned)
        if account is None:
            return Allowance(0, "no traffic seen yet that would show that refreshes pay")
        worth, covered = account.refreshes(view.ttl, Costs.of(view))
        if covered < worth:
            return Allowance(
                covered,
                f"this silence is worth {worth} refreshes, but its traffic has earned {covered}; "
                "more would risk to cost more than doing nothing",
            )
        return Allowance(worth, f"by its own past, this silence is worth {worth} refreshes")

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Update what was learned, and the bank."""
        learned, costs = view.learned, Costs.of(view)
        ttl = TTL_1H if view.ttl >= TTL_1H else TTL_5M
        for at in arrivals:
            account = _Account.read(learned)
            if account is None:
                cold = view.warm_until is None
                learned = _Account.first(at, costs, view.latency, missed=cold).pack()
            elif at > account.learner.last:
                learned = account.after(at, ttl, costs).pack()
        return learned
