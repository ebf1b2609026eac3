"""The decision about one prefix at one moment: send a warm call now, or when to ask again.

How many refreshes the silence is worth, and so whether the next one pays, is the rule's answer:
`prefixwarm.policy.auto` for the default rule, with what `prefixwarm.policy.learner` has learned of
the prefix's traffic and `prefixwarm.policy.account` of what may still be lost.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars
from prefixwarm.life import TTL_1H, refresh_after
from prefixwarm.policy.auto import Auto
from prefixwarm.policy.hazard import Hazard
from prefixwarm.policy.policy import Policy
from prefixwarm.policy.rules import Allowance, Always, Never, Rule, Ski
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

# How long before the promised minute the warm call is sent.
LEAD = 120.0

# What counters lead to that no rule has written: they are forgotten.
_UNSOUND = (ArithmeticError, LookupError, ValueError)


def budget_used_up(needed_usd: float, left_usd: float) -> str:
    """Why nothing is sent: the call costs more than the budget has left."""
    return f"the budget is used up: {dollars(needed_usd)} needed, {dollars(left_usd)} left"


def learn(view: View, arrivals: Sequence[float], policy: str | Policy = "auto") -> bytes:
    """Take real traffic into account; call it before `decide`, and store what it returns.

    Parameters
    ----------
    view : View
        As for `decide`; of it the counters, prices and latency matter.
    arrivals : sequence of float
        Starts of real requests since the last call, epoch seconds, ascending. The last sign of
        traffic alone is enough; the more of them, the better the estimate.
    policy : str or Policy
        As for `decide`.

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
    """Counters for the version of a prefix that replaces this one.

    Its traffic is the same, and its account goes on, so that deployments earn nothing.

    Parameters
    ----------
    view : View
        Of the version that is replaced.
    policy : str or Policy
        As for `decide`.

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
    """Counters that a version of a prefix keeps when another one goes on with its account.

    It may still get requests; from then on it spends what those earn.

    Parameters
    ----------
    view : View
        Of the version that is replaced.
    policy : str or Policy
        As for `decide`.

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
    """Counters of a version of a prefix that goes on with those of another.

    Parameters
    ----------
    view : View
        Of the version that begins, or that comes back after it was replaced.
    carried : bytes
        What `carry_over` returned for the version before.
    policy : str or Policy
        As for `decide`.

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
    """What starts may spend on writes that no request has read, beyond what they have.

    Parameters
    ----------
    view : View
        What is known of the prefix.
    policy : str or Policy
        As for `decide`.

    Returns
    -------
    float or None
        Units of one uncached read of the prefix; None where the rule keeps no account.
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
        What is known of the prefix. Times may lie in the future (clocks differ): an entry is then
        refreshed late rather than early, and asked about again within one interval.
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

    @cached_property
    def allowance(self) -> Allowance:
        return self.rule.allowance(self.view)

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
        """Why a promised minute wants a warm call now."""
        view = self.view
        lives_on = view.alive and (view.warm_until or 0) >= view.now + self.interval / 2
        for calendar, minute in () if lives_on else self.policy.before:
            due = calendar.next(minute, view.now)
            if due is not None and view.now >= due - LEAD:
                return f"to be warm by {minute // 60:02d}:{minute % 60:02d} {calendar.timezone}"
        return None

    def _living(self) -> Decision:
        view, allowed = self.view, self.allowance
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
        """Cold by what we know; but traffic that was merely counted has written it anew."""
        view = self.view
        seen = view.traffic_at
        if (
            view.warm_until is None
            or seen is None
            or not view.warm_until <= seen <= view.now < seen + view.ttl
        ):
            return self._rest("cold: the next real request writes it")
        if view.idle_refreshes >= self.allowance.refreshes:
            return self._rest(f"traffic came back, but {self.allowance.reason}")
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
        """Send nothing, but look again: traffic may prolong the entry, or only a metric show it."""
        # What is cold is looked at as seldom as if its hour had begun, whatever it was granted.
        interval = self.interval if self.view.alive else refresh_after(TTL_1H)
        never = self.policy.rule == "never"
        return self._answer("rest", None if never else self.view.now + interval, reason)

    def _answer(self, action: Action, next_check: float | None, reason: str) -> Decision:
        """The decision, with the promised minutes among the times to look again."""
        now = self.view.now
        promised = [
            due - LEAD
            for calendar, minute in self.policy.before
            if (due := calendar.next(minute, now + LEAD)) is not None
        ]
        checks = [*promised, *([] if next_check is None else [next_check])]
        return Decision(action, min(checks, default=None), self.ttl, reason)
