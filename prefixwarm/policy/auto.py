"""The default rule: keeps a prefix warm as far as its own traffic has paid for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.policy.account import Account
from prefixwarm.policy.learner import Costs
from prefixwarm.policy.rules import Allowance, Gap, Never

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.policy.view import View

# The longest time after the last request for a speculative write.
_FRESH = 3600.0

# What a 1 hour life may cost above 5 minute ones: first requests that hit are worth it.
_LONG_TTL_BONUS = 0.4

# There is a check every hour, and at most one writing start every 5 minutes.
_MOST_STARTS = 12

# What may be spent since the last request before starts stop: they seem to serve none.
_UNREAD_WRITES = 3


class Auto(Never):
    """Follows `hazard`, but spends only what the prefix's account covers.

    It starts by doing nothing. The account receives a share of what doing nothing costs, all
    savings, and one write a week; it pays for all speculative calls. So the total never exceeds
    doing nothing plus that share and those writes.
    """

    def ttl(self, view: View) -> int:
        """One hour if it pays and is affordable; for a new prefix, the requested TTL."""
        account = Account.unpack(view.learned)
        if view.agent_ttl == TTL_1H:
            return TTL_1H
        if account is None:
            return view.ttl if view.warm_until is None else TTL_5M
        return TTL_1H if _dearer_write_pays(account, view) else TTL_5M

    def allowance(self, view: View) -> Allowance:
        """The number of refreshes with the least expected cost that the account covers."""
        account, costs = Account.unpack(view.learned), Costs.of(view)
        if account is None or not account.has_traffic:
            return Allowance(0, "no traffic seen yet that would show that refreshes pay")
        learner = account.learner
        by_request = view.agent_ttl is None and _dearer_write_pays(account, view)
        if view.ttl < TTL_1H and (by_request or _buys_hour(account, view)):
            return Allowance(0, "it is to lapse, so that it can be written with one hour")
        left = max(0.0, account.allowance(view))
        covered = view.idle_refreshes + int(left / costs.read + 1e-9)
        worth = learner.refreshes(view.ttl, costs)
        count = worth
        if covered < worth:
            count = learner.refreshes(view.ttl, costs, covered)
            if view.ttl >= TTL_1H and covered < learner.reserve:
                count = 0
        if count < worth:
            return Allowance(
                count,
                f"this silence is worth {worth} refreshes, but its traffic has earned {covered}; "
                "more would risk to cost more than doing nothing",
            )
        return Allowance(count, f"by its own past, this silence is worth {count} refreshes")

    def write(self, view: View) -> str | None:
        """Why to write a cold entry before a request needs it; None to leave it."""
        account = Account.unpack(view.learned)
        if account is None:
            return "a new prefix: never warmed here" if view.warm_until is None else None
        if view.warm_until is None:
            return self._at_deployment(account, view)
        last = max(account.learner.last, view.traffic_at or 0.0)
        if view.idle_refreshes or view.now - last > _FRESH or not _buys_hour(account, view):
            return None
        return "its requests are rarer than every 5 minutes, and an hour pays for them"

    def _at_deployment(self, account: Account, view: View) -> str | None:
        price = view.multipliers.write(TTL_1H)
        if account.idle_deployments > 1 or account.allowance(view) < price:
            return None
        if not account.has_traffic:
            return "a new version of the prefix: never warmed here"
        if view.starts is None:
            # Nothing would show that such writes are read, however many deployments there are.
            return None
        silence = Gap(max(0.0, view.now - account.learner.last))
        in_use = not silence.due or account.learner.write_pays(silence.due, price, Costs.of(view))
        return "a new version of a prefix that is in use" if in_use else None

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Update the learner and the account."""
        learned = view.learned
        account = Account.unpack(learned)
        if account is None:
            if not arrivals and view.warm_until is None:
                return b""
            account = Account.opened(view)
            learned = account.pack()
        if view.starts is not None and not account.observed:
            learned = account.first_observed(view).pack()
        for at in arrivals:
            account = Account.unpack(learned)
            if account and (at > account.learner.last or not account.has_traffic):
                learned = account.after(at, view).pack()
        return learned

    def carry_over(self, view: View) -> bytes:
        """What was learned, and the current account."""
        account = Account.unpack(view.learned) or Account.opened(view)
        return account.carried_over(view).pack()

    def left_behind(self, view: View) -> bytes:
        """What was learned, and an empty account."""
        account = Account.unpack(view.learned) or Account.opened(view)
        return account.left_behind(view).pack()

    def adopted(self, view: View, carried: bytes) -> bytes:
        """The previous version's account, minus what this version has spent."""
        account = Account.unpack(carried)
        return carried if account is None else account.adopted(view).pack()

    def start_allowance(self, view: View) -> float | None:
        """The part of the allowance that starts can spend until the next check.

        The price of an hour that pays is put aside first, since that serves starts, too. What was
        spent since the last request is limited: starts that no request reads stop.
        """
        account = Account.unpack(view.learned) or Account.opened(view)
        unread = account.debt(view) - account.settled
        left = min(
            account.allowance(view) - _saved_for_hour(account, view),
            _MOST_STARTS * view.multipliers.write_5m,
            _UNREAD_WRITES * view.multipliers.write_1h - unread,
        )
        return max(0.0, left)


def _dearer_write_pays(account: Account, view: View) -> bool:
    """Whether a write that is due anyway should request one hour.

    If requests themselves ask for 5 minutes, there must be evidence for it.
    """
    if view.agent_ttl == TTL_5M and not account.learner.has_seen_gain:
        return False
    return _affords_hour(account, view, view.multipliers.write_5m)


def _buys_hour(account: Account, view: View) -> bool:
    """Whether a one-hour entry is worth an extra write."""
    asks_less = view.agent_ttl == TTL_5M and account.learner.has_seen_gain
    return asks_less and _affords_hour(account, view, 0.0)


def _saved_for_hour(account: Account, view: View) -> float:
    """What is put aside for an hour that pays and cannot be paid for yet."""
    if view.agent_ttl != TTL_5M or not account.learner.has_seen_gain:
        return 0.0
    pays = view.longest_ttl >= TTL_1H and account.learner.hour_pays(Costs.of(view), _LONG_TTL_BONUS)
    return view.multipliers.write_1h if pays and not _affords_hour(account, view, 0.0) else 0.0


def _affords_hour(account: Account, view: View, instead_of: float) -> bool:
    """Whether an hour pays, and its price and expected refreshes are covered."""
    learner = account.learner
    if view.longest_ttl < TTL_1H:
        return False
    price = view.multipliers.write_1h - instead_of
    reserve = learner.reserve * view.multipliers.read
    return (
        learner.hour_pays(Costs.of(view), _LONG_TTL_BONUS)
        and account.allowance(view) >= price + reserve - 1e-9
    )
