"""A due prefix: turns its warm state and prices into the policy's decision."""

from __future__ import annotations

from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from zlib import crc32

from prefixwarm.keepwarm.old_versions import held_back
from prefixwarm.life import TTL_1H, TTL_5M, relative_prices, write_price
from prefixwarm.policy import Multipliers, View, decide, learn
from prefixwarm.policy.decide import budget_used_up, start_allowance
from prefixwarm.state.keepwarm_model import Account
from prefixwarm.state.model import LEAST_USD, METRIC, OBSERVED
from prefixwarm.warm.start_share import WEEK

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.policy import Decision, Policy
    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.prefix.manifest import Entry
    from prefixwarm.state.warm_state import State


# Assumed first-token delay of a miss, until both a write and a read were measured.
_ASSUMED_SECONDS = 1.0

# Refreshes are spread over this many seconds per prefix, up to a total.
_SPREAD_PER_PREFIX = 0.03
_MOST_SPREAD = {TTL_1H: 300.0, TTL_5M: 30.0}
# How long after its last report an agent counts as observed.
_REPORTS_FOR = 24 * 3600


def fraction(name: str) -> float:
    """A deterministic number for a name, from 0 to below 1."""
    return crc32(name.encode()) / 2**32


def paced(policy: Policy, name: str, ttl: int, prefixes: int) -> Policy:
    """The policy with this prefix's refresh moved earlier by its share of the spread.

    So thousands of prefixes written together are not refreshed in the same second, while a few
    prefixes lose no time. An entry with a longer TTL than the policy writes keeps the usual
    interval.
    """
    if ttl > (policy.ttl or ttl):
        return policy
    spread = min(prefixes * _SPREAD_PER_PREFIX, _MOST_SPREAD[ttl])
    usual = policy.refresh_after(ttl)
    return replace(policy, interval=max(usual - spread * fraction(name), usual / 2))


def view_of(
    state: State, call: WarmCall, now: float, latency_value: float, shared: State | None = None
) -> View:
    """The policy's view of a prefix; budgets are added later.

    `shared` is the state shared by all versions, for the deployed one.
    """
    observed = bool(state.traffic.starts or (shared and shared.traffic.by == OBSERVED))
    return View(
        now=now,
        last_touch=state.life.last_touch,
        warm_until=state.life.warm_until,
        ttl=state.life.granted_ttl or call.ttl,
        idle_refreshes=state.traffic.idle_refreshes,
        traffic_at=state.traffic.at,
        multipliers=Multipliers(**relative_prices(call.usd_per_mtok)),
        latency=_latency(state, call, latency_value),
        learned=decoded(state.last_decision.learned),
        longest_ttl=state.life.longest_ttl or TTL_1H,
        agent_ttl=_agent_ttl(state, shared),
        spent=_spent(state, call, shared),
        starts=state.traffic.starts if observed else None,
        start_hits=state.traffic.start_hits,
        saves=state.money.saves - state.money.losses,
        cost_per_refresh_usd=call.usd("read"),
    )


@dataclass(frozen=True)
class Candidate:
    """One due prefix and everything known about it.

    Attributes
    ----------
    state : State
        The state read in this tick, updated with traffic.
    prefixes : int
        The deployment's number of prefixes, which spreads their refreshes.
    evidence : str
        The source of the last traffic signal: ``metric``, ``observed`` or empty.
    learned : bytes or None
        New counters to store, or None.
    shared : State or None
        The state shared by all versions; None for a superseded version.
    """

    state: State
    entry: Entry
    call: WarmCall
    policy: Policy
    latency_value: float
    prefixes: int = 1
    evidence: str = ""
    learned: bytes | None = None
    shared: State | None = None

    def senders(self, now: float) -> set[str]:
        """The functions whose invocations to query in CloudWatch, which charges per metric.

        Empty before the first write, and for a superseded version, because the metric does not
        distinguish a function's versions. Also empty if the only function that sends the prefix has
        reported its requests within a day, because its invocations add nothing.
        """
        state, traffic = self.state, self.state.traffic
        if state.life.warm_until is None or self.entry.superseded:
            return set()
        functions = {*self.entry.functions, *state.deployment.functions}
        reports = traffic.by == OBSERVED and now - (traffic.at or 0.0) < _REPORTS_FOR
        return set() if reports and len(functions) == 1 else functions

    def decision(self, now: float, budget_left_usd: float | None = None) -> Decision:
        """What to do now, and the TTL of the next write."""
        view = replace(self._view(now), budget_left_usd=budget_left_usd)
        decision = replace(decide(view, self._paced(view)), ttl=self._ttl_of_a_write(view))
        decision = self._within(budget_left_usd, decision, now)
        return held_back(decision, alive=view.alive) if self.entry.superseded else decision

    def account(self, now: float) -> Account | None:
        """The account change for all versions of the prefix; None if nothing is new."""
        granted = self._granted_usd(now)
        if self.shared is None or (granted is None and self.learned is None):
            return None
        return Account(
            at=now,
            learned=self.learned_text,
            observed=self._view(now).starts is not None,
            granted_usd=granted,
            granted_until=now + WEEK,
        )

    def _granted_usd(self, now: float) -> float | None:
        """The amount to add to what starts may spend; None for no change.

        There is no change if the agent is not observed, the price is unknown, or the rule keeps no
        account.
        """
        unit, view = self.call.usd("input"), self._view(now)
        if self.shared is None or view.starts is None or unit is None:
            return None
        share, money = start_allowance(view, self.policy), self.shared.money
        if share is None:
            return None
        granted = share * unit - money.init_allowance_usd
        lasts = (money.init_until or 0.0) - now > WEEK / 2
        return None if lasts and abs(granted) < LEAST_USD else granted

    def cost_usd(self, now: float, ttl: int) -> float | None:
        """The cost of a call with this TTL now, if known."""
        return self.call.usd("read" if self.state.warm_for(now) else write_price(ttl))

    def _within(self, left_usd: float | None, decision: Decision, now: float) -> Decision:
        """The decision, unless a write with its TTL costs more than is left."""
        cost = self.cost_usd(now, decision.ttl)
        if left_usd is None or cost is None or decision.action != "write" or cost <= left_usd:
            return decision
        reason = budget_used_up(cost, left_usd)
        return replace(decision, action="rest", reason=reason)

    def _view(self, now: float) -> View:
        return view_of(self.state, self.call, now, self.latency_value, self.shared)

    def _paced(self, view: View) -> Policy:
        return paced(self.policy, self.entry.name, view.ttl, self.prefixes)

    def _ttl_of_a_write(self, view: View) -> int:
        """The TTL the provider would grant, because the entry may have been written by an agent."""
        longest = self.state.life.longest_ttl or TTL_1H
        asked = replace(view, ttl=min(self.call.ttl, longest))
        return min(decide(asked, self._paced(asked)).ttl, longest)

    def with_observed(self, now: float) -> Candidate:
        """The candidate updated with traffic that the agent reported."""
        return self._after(self._observed(now), now)

    def _after(self, arrivals: Sequence[float], now: float) -> Candidate:
        view = self._view(now)
        learned = learn(view, arrivals, self.policy)
        if learned == view.learned:
            return self
        decision = self.state.last_decision.replace(learned=encoded(learned))
        state = self.state.replace(last_decision=decision)
        return replace(self, state=state, learned=learned)

    def with_traffic(self, arrivals: Sequence[float], now: float) -> Candidate:
        """The candidate updated with these traffic signals (epoch seconds, ascending)."""
        new = [at for at in arrivals if at > (self.state.traffic.at or 0.0)]
        observed = self._observed(now)
        after = self._after([*observed, *new], now)
        if not new:
            return replace(after, evidence=OBSERVED if observed else "")
        traffic = after.state.traffic.replace(at=new[-1], by=METRIC, idle_refreshes=0)
        state = after.state.replace(traffic=traffic)
        return replace(after, state=state, evidence=METRIC)

    def _observed(self, now: float) -> list[float]:
        """Traffic that the agent reported since the last check."""
        state, view = self.state, self._view(now)
        at = state.traffic.at or 0.0
        recent = now - at < self._paced(view).refresh_after(view.ttl) + 2 * 60
        return [at] if recent and at >= (state.life.last_touch or 0.0) else []

    @property
    def learned_text(self) -> str | None:
        """The new counters in the state's form."""
        return None if self.learned is None else encoded(self.learned)

    @property
    def own_learned_text(self) -> str | None:
        """The new counters of a superseded version; None for the current one."""
        return self.learned_text if self.shared is None else None


def _agent_ttl(state: State, shared: State | None) -> int:
    """What requests of this version ask for, else those of the versions before.

    Until a request was seen, the cheaper one: nothing more is saved than that.
    """
    before = shared.traffic.agent_ttl if shared else None
    return state.traffic.agent_ttl or before or TTL_5M


def _latency(state: State, call: WarmCall, latency_value: float) -> float:
    unit = call.usd("input")
    if not unit:
        return 0.0
    seconds = _ASSUMED_SECONDS
    if state.life.write_ms is not None and state.life.read_ms is not None:
        seconds = max(0.0, state.life.write_ms - state.life.read_ms) / 1000
    return latency_value * seconds / unit


def _spent(state: State, call: WarmCall, shared: State | None) -> float:
    """What warm calls have cost, in units of the prefix's uncached input.

    Subtracts one read for each start's call that a request then read (the price of its faster first
    token). Includes what starts of other versions have taken since this one was deployed.
    """
    unit, prices = call.usd("input"), relative_prices(call.usd_per_mtok)
    if not unit or state.money.unpriced:
        spent = state.money.calls * prices["write_1h"]
    else:
        spent = state.money.spent_usd / unit
    if shared and unit:
        spent += max(0.0, shared.money.init_spent_usd - state.money.init_spent_usd) / unit
    return spent - state.traffic.init_reads * prices["read"]


def encoded(learned: bytes) -> str:
    """The policy's counters in the state's form."""
    return b64encode(learned).decode()


def decoded(text: str) -> bytes:
    """The policy's counters; empty if the text is invalid."""
    try:
        return b64decode(text, validate=True)
    except (Base64Error, ValueError):
        return b""
