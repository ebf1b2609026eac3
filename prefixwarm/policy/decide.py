"""Decides about one prefix at one moment: send a warm call now, or when to check again.

The rule decides how many refreshes a silence is worth, and so whether the next one pays. The
default rule is in `prefixwarm.policy.auto`; it uses `prefixwarm.policy.learner` for the prefix's
traffic and `prefixwarm.policy.account` for what may still be lost.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars
from prefixwarm.life import TTL_1H, refresh_after
from prefixwarm.policy.auto import Auto
from prefixwarm.policy.hazard import Hazard
from prefixwarm.policy.policy import Policy
from prefixwarm.policy.rules import Always, Never, Rule, Ski
from prefixwarm.policy.view import Action, Decision, View

if TYPE_CHECKING:
    from collections.abc import Sequence

_RULES: dict[str, Rule] = {
    "never": Never(),
    "always": Always(),
    "ski": Ski(),
    "hazard": Hazard(),
    "auto": Auto(),
}

# How long before the required minute the warm call is sent.
LEAD = 120.0

# Errors caused by counters that no rule has written; such counters are discarded.
_UNSOUND = (ArithmeticError, LookupError, ValueError)


def budget_used_up(needed_usd: float, left_usd: float) -> str:
    """The reason if a call costs more than is left of the budget."""
    return f"the budget is used up: {dollars(needed_usd)} needed, {dollars(left_usd)} left"


def learn(view: View, arrivals: Sequence[float], policy: str | Policy = "auto") -> bytes:
    """Learn from real traffic; call before `decide` and store the result.

    Parameters
    ----------
    view : View
        As in `decide`; only the counters, prices and latency are used.
    arrivals : sequence of float
        Starts of real requests since the last call, in epoch seconds, ascending. The last one alone
        suffices; more improve the estimate.
    policy : str or Policy
        As in `decide`.

    Returns
    -------
    bytes
        The new `View.learned`, at most 400 bytes.
    """
    rule = _RULES[Policy.of(policy).rule]
    try:
        return rule.learn(view, arrivals)
    except _UNSOUND:
        return rule.learn(replace(view, learned=b""), arrivals)


def carry_over(view: View, policy: str | Policy = "auto") -> bytes:
    """Return the counters for the version of a prefix that replaces this one.

    It has the same traffic and continues the account, so that deployments earn nothing.

    Parameters
    ----------
    view : View
        The view of the replaced version.
    policy : str or Policy
        As in `decide`.

    Returns
    -------
    bytes
        The `View.learned` of the new version.
    """
    rule = _RULES[Policy.of(policy).rule]
    try:
        return rule.carry_over(view)
    except _UNSOUND:
        return rule.carry_over(replace(view, learned=b""))


def left_behind(view: View, policy: str | Policy = "auto") -> bytes:
    """Return the counters that a version keeps when another continues its account.

    It may still get requests, and from then on spends only what those earn.

    Parameters
    ----------
    view : View
        The view of the replaced version.
    policy : str or Policy
        As in `decide`.

    Returns
    -------
    bytes
        Its `View.learned` from then on.
    """
    rule = _RULES[Policy.of(policy).rule]
    try:
        return rule.left_behind(view)
    except _UNSOUND:
        return rule.left_behind(replace(view, learned=b""))


def adopted(view: View, carried: bytes, policy: str | Policy = "auto") -> bytes:
    """Return the counters of a version that continues another version's account.

    Parameters
    ----------
    view : View
        The view of the version that begins, or returns after it was replaced.
    carried : bytes
        The result of `carry_over` for the previous version.
    policy : str or Policy
        As in `decide`.

    Returns
    -------
    bytes
        Its `View.learned`.
    """
    rule = _RULES[Policy.of(policy).rule]
    try:
        return rule.adopted(view, carried)
    except _UNSOUND:
        return carried


def start_allowance(view: View, policy: str | Policy = "auto") -> float | None:
    """Return what starts may additionally spend on writes that no request has read.

    Parameters
    ----------
    view : View
        The prefix.
        policy : str or Policy
        As in `decide`.

    Returns
    -------
    float or None
        In units of one uncached read of the prefix; None if the rule keeps no account.
    """
    try:
        return _RULES[Policy.of(policy).rule].start_allowance(view)
    except _UNSOUND:
        return 0.0


def decide(view: View, policy: str | Policy = "auto") -> Decision:
    """Decide what to do about a prefix now.

    Parameters
    ----------
    view : View
        The prefix. Times may be in the future, because clocks differ; the entry is then refreshed
        late rather than early, and checked again within one interval.
    policy : str or Policy
        A rule's name, or a rule with limits.

    Returns
    -------
    Decision
        Never raises for any view.
    """
    policy = Policy.of(policy)
    try:
        return _Candidate(view, policy, _RULES[policy.rule]).decision()
    except _UNSOUND:
        return _Candidate(replace(view, learned=b""), policy, _RULES[policy.rule]).decision()


class _Candidate:
    """One view under one policy."""

    def __init__(self, view: View, policy: Policy, rule: Rule) -> None:
        if policy.ttl is not None and policy.ttl < view.longest_ttl:
            view = replace(view, longest_ttl=policy.ttl)
        self.view = view
        self.policy = policy
        self.interval = policy.refresh_after(view.ttl)
        self.ttl = policy.ttl or rule.ttl(view)
        self.rule = rule

    def decision(self) -> Decision:
        view, hours = self.view, self.policy.hours
        if promise := self._promised():
            return self._send("write", promise)
        if hours and hours.closes(view.now) is None:
            return self._answer("rest", hours.opens(view.now), "outside the active hours")
        if view.alive:
            return self._living()
        if reason := self.rule.write(view):
            return self._send("write", reason)
        return self._lapsed()

    def _promised(self) -> str | None:
        """The reason if a warm call is needed now for a required minute, or None."""
        view = self.view
        lives_on = view.alive and (view.warm_until or 0) >= view.now + self.interval / 2
        for calendar, minute in () if lives_on else self.policy.before:
            due = calendar.next(minute, view.now)
            if due is not None and view.now >= due - LEAD:
                return f"to be warm by {minute // 60:02d}:{minute % 60:02d} {calendar.timezone}"
        return None

    def _living(self) -> Decision:
        view, allowed = self.view, self.rule.allowance(self.view)
        due = (view.now if view.last_touch is None else view.last_touch) + self.interval
        if view.now < due:
            soon = min(due, view.now + self.interval)
            return self._answer("wait", soon, "warm; the next refresh is not due yet")
        if view.idle_refreshes >= allowed.refreshes:
            return self._rest(
                f"stopped after {view.idle_refreshes} refreshes without traffic: {allowed.reason}"
            )
        closes = self.policy.hours.closes(view.now) if self.policy.hours else None
        if closes is not None and (view.warm_until or 0) >= closes:
            return self._rest("warm until the active hours end")
        return self._send("refresh", f"refresh {view.idle_refreshes + 1}: {allowed.reason}")

    def _lapsed(self) -> Decision:
        """Decide about a cold entry, which counted (unobserved) traffic may have written again."""
        view = self.view
        seen = view.traffic_at
        if (
            view.warm_until is None
            or seen is None
            or not view.warm_until <= seen <= view.now < seen + view.ttl
        ):
            return self._rest("cold: the next real request writes it")
        allowed = self.rule.allowance(view)
        if view.idle_refreshes >= allowed.refreshes:
            return self._rest(f"traffic came back, but {allowed.reason}")
        if view.now < seen + self.interval:
            return self._answer("wait", seen + self.interval, "cold, until traffic came back")
        return self._send("write", "traffic came back after the entry had lapsed")

    def _send(self, action: Action, reason: str) -> Decision:
        if refusal := self._unaffordable(action):
            return self._rest(refusal)
        life = self.view.ttl if self.view.alive else self.ttl
        return self._answer(action, self.view.now + self.policy.refresh_after(life), reason)

    def _unaffordable(self, action: Action) -> str | None:
        view, price = self.view, self.view.cost_per_refresh_usd
        if view.budget_left_usd is None:
            return None
        if price is None:
            return "there is a budget, but the price is unknown"
        if action == "write" and not view.alive:
            price *= view.multipliers.write(self.ttl) / view.multipliers.read
        if price <= view.budget_left_usd:
            return None
        return budget_used_up(price, view.budget_left_usd)

    def _rest(self, reason: str) -> Decision:
        """Send nothing, but check again: traffic may extend the entry, or show only in a metric."""
        # Check a cold entry as rarely as one whose hour has just begun, whatever its TTL.
        interval = self.interval if self.view.alive else refresh_after(TTL_1H)
        never = self.policy.rule == "never"
        return self._answer("rest", None if never else self.view.now + interval, reason)

    def _answer(self, action: Action, next_check: float | None, reason: str) -> Decision:
        """Make the decision; required minutes also count as times to check again."""
        now = self.view.now
        for calendar, minute in self.policy.before:
            due = calendar.next(minute, now + LEAD)
            if due is not None and (next_check is None or due - LEAD < next_check):
                next_check = due - LEAD
        return Decision(action, next_check, self.ttl, reason)
