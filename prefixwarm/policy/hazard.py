"""The rule that learns when a prefix is used and refreshes while that is likely to pay."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prefixwarm.life import TTL_1H, TTL_5M, break_even
from prefixwarm.policy.envelope import Envelope
from prefixwarm.policy.learner import Costs, Learner
from prefixwarm.policy.rules import Allowance, Gap, Ski

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.policy.view import View


# The rule is followed only while its worst case is GRACE misses and a SHARE above the ski rule.
GRACE = 4.0
SHARE = 0.25

# How much more a 1 hour life may cost than 5 minute ones, because first requests then hit.
_LONG_TTL_BONUS = 0.7

_ENVELOPE = Envelope(b"H", "ffB")


@dataclass(frozen=True)
class _Account:
    """What was learned, and what following the rule has cost.

    Attributes
    ----------
    learner : Learner
        The prefix's traffic.
    excess, spent : float
        The rule's extra cost over the ski rule, and what the ski rule would have cost.
    wanted : int
        The TTL that the last write should have carried.
    """

    learner: Learner
    excess: float = 0.0
    spent: float = 0.0
    wanted: int = TTL_1H

    @classmethod
    def read(cls, learned: bytes) -> _Account | None:
        numbers = _ENVELOPE.unpack(learned)
        if numbers is None:
            return None
        learner, excess, spent, long = numbers
        return cls(learner, excess, spent, TTL_1H if long else TTL_5M)

    def pack(self) -> bytes:
        long = self.wanted >= TTL_1H
        return _ENVELOPE.pack(self.learner, self.excess, self.spent, long)

    def trusted(self, costs: Costs) -> bool:
        """Whether the rule may be followed through one more silence in the worst case."""
        worst = self.excess + costs.long + costs.short
        return worst <= GRACE * costs.long + SHARE * self.spent

    def refreshes(self, ttl: int, costs: Costs) -> int:
        if ttl >= TTL_1H and not self.trusted(costs):
            return break_even(costs.read, costs.long)
        return self.learner.refreshes(ttl, costs)

    def after(self, at: float, ttl: int, costs: Costs) -> _Account:
        """The account after traffic that found, or would have found, an entry of this TTL."""
        seconds = at - self.learner.last
        gap, after = Gap(seconds, ttl), replace(self, learner=self.learner.after(at, costs))
        allowed = self.refreshes(ttl, costs) if gap.due else 0
        if gap.needed > allowed:
            after = replace(
                after, wanted=after.learner.ttl(_LONG_TTL_BONUS) if self.trusted(costs) else TTL_1H
            )
        if not gap.needed or ttl < self.wanted:
            return after
        usual = Gap(seconds).cost(break_even(costs.read, costs.long), costs.read, costs.long)
        spent = gap.cost(allowed, costs.read, costs.premium(after.wanted))
        return replace(after, excess=self.excess + spent - usual, spent=self.spent + usual)


class Hazard(Ski):
    """Refreshes while the learned chance that the silence ends soon justifies it."""

    def ttl(self, view: View) -> int:
        """One hour, until the prefix's history shows that five minutes cost less."""
        account = _Account.read(view.learned)
        return TTL_1H if account is None else account.wanted

    def allowance(self, view: View) -> Allowance:
        """The number of refreshes with the least expected cost, or the break-even count if in
        doubt."""
        account, costs = _Account.read(view.learned), Costs.of(view)
        if account is None:
            return super().allowance(view)
        count = account.refreshes(view.ttl, costs)
        if view.ttl >= TTL_1H and not account.trusted(costs):
            return Allowance(count, f"{super().allowance(view).reason}; learning has not paid yet")
        return Allowance(count, f"by its own past, this silence is worth {count} refreshes")

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Update the learner and the account."""
        learned, costs = view.learned, Costs.of(view)
        ttl = TTL_1H if view.ttl >= TTL_1H else TTL_5M
        for at in arrivals:
            account = _Account.read(learned)
            if account is None:
                learned = _Account(Learner.first(at, costs)).pack()
            elif at > account.learner.last:
                learned = account.after(at, ttl, costs).pack()
        return learned
