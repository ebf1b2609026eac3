"""One prefix in a replay: its requests, cache entry, warm state and bill."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple, Protocol

from prefixwarm.life import TTL_1H, TTL_5M
from prefixwarm.policy.account import SESSION_GAP
from prefixwarm.policy.view import Multipliers, View

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from prefixwarm.policy.view import Decision

_WEEK = 7 * 86_400


class PolicyFunctions(Protocol):
    """The functions of a policy; see `prefixwarm.policy.decide`."""

    def decide(self, view: View) -> Decision:
        """Decide what to do now."""

    def learn(self, view: View, arrivals: Sequence[float]) -> bytes:
        """Return new counters after real traffic."""

    def carry_over(self, view: View) -> bytes:
        """Counters of the version that replaces this one."""

    def start_allowance(self, view: View) -> float | None:
        """What starts may spend on writes that may never be read."""


class Event(NamedTuple):
    """One request or warm call of a replay.

    Attributes
    ----------
    at : float
        Seconds.
    kind : str
        ``hit``, ``miss``, ``refresh``, ``write`` or ``init``; the latter three are warm calls.
    warm_until : float
        Seconds; the entry's end after it.
    """

    at: float
    kind: str
    warm_until: float


@dataclass(frozen=True)
class Conditions:
    """The conditions of a replay; units are those of `replay`.

    Attributes
    ----------
    agent_ttl : int or None
        TTL (seconds) of the requests' own writes; None for the policy's.
    observed : bool
        Whether the agent is observed; otherwise its requests are only counted.
    init_per_week : float
        What starts may spend per week if the agent is not observed.
    starts : bool
        Whether environments start at all; what they may spend is reckoned at each check.
    """

    multipliers: Multipliers
    latency: float = 0.0
    tick: float = 60.0
    agent_ttl: int | None = None
    observed: bool = True
    init_per_week: float = math.inf
    starts: bool = True


class _Entry(NamedTuple):
    """The provider's entry; `touched` is the start of the last call that used it."""

    ttl: int = TTL_1H
    touched: float | None = None

    @property
    def until(self) -> float | None:
        return None if self.touched is None else self.touched + self.ttl

    def lives(self, now: float) -> bool:
        return self.touched is not None and now < self.touched + self.ttl


@dataclass
class _State:
    """The warm state of one version of the prefix."""

    entry: _Entry = field(default_factory=_Entry)
    idle_refreshes: int = 0
    traffic_at: float | None = None
    spent: float = 0.0
    starts: int = 0
    hits: int = 0
    saves: int = 0
    losses: int = 0
    wanted: int = TTL_5M
    init_left: float = 0.0
    unread: bool = False


class Run:
    """One prefix under one policy."""

    def __init__(
        self, policy: PolicyFunctions, conditions: Conditions, watch: Callable[[Event], None]
    ) -> None:
        self._policy, self._conditions, self._watch = policy, conditions, watch
        self._prices = conditions.multipliers
        self._entry, self._state, self._learned = _Entry(), _State(), b""
        self._last_request: float | None = None
        self._unlearned: list[float] = []
        self._next_check: float | None = None
        self._init_weeks: dict[int, float] = {}
        self._observed = self._newly_observed = self._requests_seen = False
        self._state.init_left = self._start_allowance(0.0)
        self.total = self.deployment = self.init = 0.0
        self.pings = self.misses = self.starts = self.start_hits = 0

    def _view(self, now: float) -> View:
        conditions, state = self._conditions, self._state
        return View(
            now=now,
            last_touch=state.entry.touched,
            warm_until=state.entry.until,
            ttl=state.entry.ttl,
            idle_refreshes=state.idle_refreshes,
            traffic_at=state.traffic_at,
            multipliers=self._prices,
            latency=conditions.latency,
            learned=self._learned,
            agent_ttl=self._agent_ttl(),
            spent=state.spent,
            starts=state.starts if self._observed else None,
            start_hits=state.hits,
            saves=state.saves - state.losses,
        )

    def _agent_ttl(self) -> int | None:
        """The TTL that requests ask for; until one was observed, the cheaper TTL is assumed."""
        asked = self._conditions.agent_ttl
        return asked if self._requests_seen or asked is None else TTL_5M

    def run_checks(self, until: float) -> None:
        """Run the policy at each of its checks before a time."""
        tick = self._conditions.tick
        while self._next_check is not None:
            now = math.ceil(self._next_check / tick) * tick
            if now >= until:
                return
            if self._newly_observed:
                self._learn(self._view(now))
            view, news = self._view(now), bool(self._unlearned)
            decision = self._policy.decide(view)
            if decision.action != "wait" and (news or not self._learned):
                self._learn(view)
                # Most rules have nothing to learn, and decide as before.
                if news or self._learned:
                    decision = self._policy.decide(self._view(now))
            if decision.sends:
                self._warm(now, decision)
            following = decision.next_check
            self._next_check = None if following is None else max(following, now + tick)
            self._leave_for_starts(now, decision.ttl)

    def _learn(self, view: View) -> None:
        """Learn from new traffic; an unobserved agent's requests are only counted."""
        arrivals, self._unlearned = self._unlearned, []
        self._newly_observed = False
        self._learned = self._policy.learn(view, arrivals)
        if arrivals and not self._conditions.observed:
            self._state.traffic_at, self._state.idle_refreshes = arrivals[-1], 0

    def _leave_for_starts(self, now: float, wanted: int) -> None:
        """Store in the state what a start needs: the TTL, and what it may spend."""
        self._state.wanted = wanted
        self._state.init_left = self._start_allowance(now)

    def _start_allowance(self, now: float) -> float:
        """What starts may spend; a weekly sum if the agent is not observed."""
        if not self._conditions.starts:
            return 0.0
        share = self._policy.start_allowance(self._view(now)) if self._observed else None
        if share is not None:
            return share
        return self._conditions.init_per_week - self._init_weeks.get(int(now // _WEEK), 0.0)

    def _warm(self, now: float, decision: Decision) -> None:
        state = self._state
        first = state.entry.touched is None
        if decision.action == "refresh" and not state.entry.lives(now):
            return
        cost = self._call(now, decision.ttl)
        self.total += cost
        self.deployment += cost if first else 0.0
        self.pings += 1
        state.spent += cost
        state.idle_refreshes += 1
        state.entry = self._entry
        kind = "write" if cost > self._prices.read else "refresh"
        self._watch(Event(now, kind, now + self._entry.ttl))

    def _call(self, now: float, ttl: int) -> float:
        """Make a call with this TTL for its write; return its cost."""
        lives = self._entry.lives(now)
        self._entry = _Entry(self._entry.ttl if lives else ttl, now)
        return self._prices.read if lives else self._prices.write(ttl)

    def deploy(self, now: float) -> None:
        """Replace the prefix with a new version, which has no entry yet."""
        self.run_checks(now)
        if self._learned or self._state.entry.touched is not None:
            self._learned = self._policy.carry_over(self._view(now))
        self._entry, self._state, self._unlearned = _Entry(), _State(), []
        self._state.init_left = self._start_allowance(now)
        self._next_check = now

    def start(self, now: float) -> None:
        """Start an environment, whose init phase warms a cold prefix if its share covers it.

        The first start happens before the agent has been reported as observed.
        """
        self.run_checks(now)
        state, week = self._state, int(now // _WEEK)
        if not self._observed:
            state.init_left = self._start_allowance(now)
        self._init(now, week)
        if self._conditions.observed and not self._observed:
            self._observed = self._newly_observed = True
            self._next_check = now

    def _init(self, now: float, week: int) -> None:
        state = self._state
        if state.entry.lives(now) or self._prices.write(state.wanted) > state.init_left + 1e-9:
            return
        cost = self._call(now, state.wanted)
        self.total += cost
        self.init += cost
        self._init_weeks[week] = self._init_weeks.get(week, 0.0) + cost
        state.entry, state.unread, state.idle_refreshes = self._entry, True, 0
        state.spent += cost
        state.init_left -= cost
        self._watch(Event(now, "init", now + self._entry.ttl))

    def request(self, now: float) -> None:
        """Send a real request."""
        self.run_checks(now)
        last, hit = self._last_request, self._entry.lives(now)
        start = last is None or now - last > SESSION_GAP
        self.starts += start and last is not None
        self.start_hits += start and last is not None and hit
        self._last_request = now
        self._unlearned.append(now)
        self._observed = self._conditions.observed
        last_seen = self._state.traffic_at
        if self._conditions.observed and (last_seen is None or now - last_seen > SESSION_GAP):
            self._count(now, hit=hit)
        self._serve(now, hit=hit)
        if self._conditions.observed:
            self._state.traffic_at, self._state.idle_refreshes = now, 0
        if (start and self._conditions.observed) or self._next_check is None:
            decision = self._policy.decide(self._view(now))
            self._next_check = decision.next_check
            self._leave_for_starts(now, decision.ttl)

    def _count(self, now: float, *, hit: bool) -> None:
        """Count an observed session start, and learn from it."""
        state = self._state
        if hit and state.unread:
            state.spent -= self._prices.read
        state.unread = False
        state.starts += 1
        state.hits += hit
        silence = math.inf if state.traffic_at is None else now - state.traffic_at
        state.saves += hit and silence >= TTL_1H
        state.losses += not hit and silence < TTL_1H and self._conditions.agent_ttl == TTL_1H
        self._requests_seen = True
        self._learn(self._view(now))

    def _serve(self, now: float, *, hit: bool) -> None:
        ttl = self._conditions.agent_ttl
        if ttl is None:
            ttl = self._entry.ttl if hit else self._policy.decide(self._view(now)).ttl
        cost = self._call(now, ttl)
        self.total += cost
        if not hit:
            self.total += self._conditions.latency
            self.misses += 1
            if self._conditions.agent_ttl is None:
                self._state.spent += cost - self._prices.write_5m
        if self._conditions.observed:
            self._state.entry = self._entry
        self._watch(Event(now, "hit" if hit else "miss", now + self._entry.ttl))
