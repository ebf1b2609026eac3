"""The allowance of the default rule: one account per prefix for all speculative calls."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.policy.envelope import Envelope
from prefixwarm.policy.learner import Costs, Learner

if TYPE_CHECKING:
    from prefixwarm.policy.view import View

# The maximum loss, as a share of what doing nothing costs.
RISK = 0.05

# The additional loss allowed, in waits for a miss; nothing if waiting has no price.
CREDIT = 6

# If an hour would have saved this share of a miss, it has shown that it pays.
_SHOWN = 0.75

# After a longer gap a 5 minute entry is cold.
SESSION_GAP = 300.0

_WEEK = 7 * 86_400
# The week of a superseded version; no later week gives it a first write.
_NO_WEEK = 65_535
# The last traffic if there was none.
_NEVER = -1.0
_ENVELOPE = Envelope(b"B", "ddfHB")
# One byte holds the idle deployments, and above them whether requests were observed.
_OBSERVED = 4


def week_of(at: float) -> int:
    """The week number of a time (epoch seconds); weeks begin on Thursdays, as the epoch did."""
    return int(min(max(at, 0.0) // _WEEK, _NO_WEEK - 1))


@dataclass(frozen=True)
class Account:
    """What was learned about a prefix, and how much its warm calls may still lose.

    All amounts are in units of one uncached read of the prefix. The debt is spending minus savings
    minus the share RISK of what doing nothing would have cost. It may grow by the price of one
    write per week, and no more.

    Attributes
    ----------
    learner : Learner
        The prefix's traffic.
    carried : float
        Debt of earlier versions of the prefix; if the agent is not observed, minus apparent
        savings.
    settled : float
        Debt at the last traffic signal.
    floor : float
        Debt at the start of the week, at least 0.
    week : int
        The week of the last traffic signal; for a superseded version, a week later than any.
    idle_deployments : int
        Deployments since the last traffic signal, up to 2.
    observed : bool
        Whether the agent has reported that its requests are observed.
    """

    learner: Learner
    carried: float = 0.0
    settled: float = 0.0
    floor: float = 0.0
    week: int = 0
    idle_deployments: int = 0
    observed: bool = False

    @classmethod
    def unpack(cls, learned: bytes) -> Account | None:
        """Read what `pack` wrote; None for anything else."""
        return _unpacked(learned)

    def pack(self) -> bytes:
        """The account as bytes."""
        flags = self.idle_deployments + _OBSERVED * self.observed
        return _ENVELOPE.pack(
            self.learner, self.carried, self.settled, self.floor, self.week, flags
        )

    @classmethod
    def opened(cls, view: View) -> Account:
        """Open the account of a prefix without traffic."""
        at = view.now if view.last_touch is None else view.last_touch
        return cls(Learner.first(_NEVER, Costs.of(view)), settled=view.spent, week=week_of(at))

    @property
    def has_traffic(self) -> bool:
        """Whether there was any traffic."""
        return self.learner.last > _NEVER

    def debt(self, view: View) -> float:
        """Spending that has not been recovered."""
        owed = self.carried + view.spent
        if view.starts is None:
            return owed
        premium, missed, saved = _miss_premium(view), view.starts - view.start_hits, view.start_hits
        if view.agent_ttl == TTL_1H:
            saved = view.saves
        return owed - premium * (saved + RISK * (missed + saved))

    def allowance(self, view: View) -> float:
        """What may still be lost."""
        first_write = view.multipliers.write(TTL_1H)
        same_week = week_of(view.now) <= self.week
        floor = self.floor if same_week else self._next_floor(view)
        ahead = first_write if self._has_shown(view) else 0.0
        return floor + first_write + ahead + CREDIT * view.latency - self.debt(view)

    def _next_floor(self, view: View) -> float:
        return max(0.0, min(self.settled, self.floor + view.multipliers.write(TTL_1H)))

    def _has_shown(self, view: View) -> bool:
        """Whether writing an hour would recently have saved most of a miss.

        If so, next week's first write is brought forward, because this week's may have been spent
        on a deployment that nobody used in time.
        """
        if self.week == _NO_WEEK or view.agent_ttl != TTL_5M:
            return False
        return self.learner.saved >= _SHOWN * Costs.of(view).short - 1e-6

    def after(self, at: float, view: View) -> Account:
        """The account after a later traffic signal."""
        costs, account = Costs.of(view), self
        if week_of(at) > self.week:
            account = replace(account, floor=self._next_floor(view), week=week_of(at))
        if view.starts is None:
            account = replace(account, carried=self.carried - self._apparent(at, view))
        learner = account.learner.after(at, costs) if self.has_traffic else Learner.first(at, costs)
        return replace(account, learner=learner, settled=account.debt(view), idle_deployments=0)

    def first_observed(self, view: View) -> Account:
        """The account as the agent first says that it is observed.

        The first start of all went before that: beside a first write, its own of 5 minutes is no
        debt.
        """
        first_start = min(
            view.multipliers.write_5m, max(0.0, view.spent - view.multipliers.write_1h)
        )
        return replace(self, carried=self.carried - first_start, observed=True)

    def _apparent(self, at: float, view: View) -> float:
        """The apparent saving that an unobserved traffic signal adds to the allowance."""
        if at - self.learner.last < SESSION_GAP:
            return 0.0
        hit = view.warm_until is not None and at < view.warm_until
        return _miss_premium(view) * (RISK + hit)

    def carried_over(self, view: View) -> Account:
        """The account of the version that replaces this one."""
        debt, idle = self.debt(view), min(2, self.idle_deployments + 1)
        learner = self.learner.interrupted(Costs.of(view)) if idle == 1 else self.learner
        return replace(self, learner=learner, carried=debt, settled=debt, idle_deployments=idle)

    def left_behind(self, view: View) -> Account:
        """The account that a replaced version keeps; the remainder goes to the new version.

        From now on it may spend only what its own requests earn.
        """
        account = replace(self, week=_NO_WEEK)
        return replace(account, carried=self.carried + max(0.0, account.allowance(view)))

    def adopted(self, view: View) -> Account:
        """This carried-over account, continued by the version in a view.

        Includes what a new version's starts have already spent, and what a returning version has
        lost or earned since it was superseded.
        """
        own = Account.unpack(view.learned)
        if own is None or own.week != _NO_WEEK:
            return self
        since = -own.allowance(view) - replace(own, carried=0.0).debt(view)
        return replace(self, carried=self.carried + since)


@lru_cache(maxsize=64)
def _unpacked(learned: bytes) -> Account | None:
    numbers = _ENVELOPE.unpack(learned)
    if numbers is None:
        return None
    account = Account(*numbers)
    observed, idle_deployments = divmod(account.idle_deployments, _OBSERVED)
    return replace(account, idle_deployments=idle_deployments, observed=bool(observed))


def _miss_premium(view: View) -> float:
    """The extra cost of a miss over a hit if no warm call is ever sent."""
    ttl = TTL_1H if view.agent_ttl == TTL_1H else TTL_5M
    return view.multipliers.write(ttl) - view.multipliers.read + view.latency
