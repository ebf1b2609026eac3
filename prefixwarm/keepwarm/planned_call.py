"""A planned call: its options, and what to record after it."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from prefixwarm.keepwarm import rewrite_breaker
from prefixwarm.life import TTL_5M
from prefixwarm.state.keepwarm_model import Check
from prefixwarm.state.model import KEEPWARM
from prefixwarm.warm.attempt import CallOptions

if TYPE_CHECKING:
    from prefixwarm.keepwarm.candidate import Candidate
    from prefixwarm.policy import Decision
    from prefixwarm.state.keepwarm_model import Account
    from prefixwarm.state.outcome import Outcome
    from prefixwarm.warm.lease_time import LeaseWatch


# A refresh that starts closer to the entry's end may reach the provider too late.
MARGIN_SECONDS = 5.0


@dataclass(frozen=True)
class PlannedCall:
    """A call to make, and the decision behind it.

    Attributes
    ----------
    fresh : bool
        Whether the candidate's state was read just now; if not, it is read again.
    watch : LeaseWatch or None
        What a polling caller has observed of the lease's holder.
    """

    candidate: Candidate
    decision: Decision
    fresh: bool = False
    watch: LeaseWatch | None = None

    @property
    def urgency(self) -> tuple[bool, float]:
        """Sort key: refreshes before writes, then the entry that expires first."""
        return self.decision.action == "write", self.candidate.state.life.warm_until or 0.0

    @property
    def idle_refreshes(self) -> int:
        """Warm calls without traffic, including this one; the very first write counts as 0."""
        state = self.candidate.state
        return state.traffic.idle_refreshes + 1 if state.life.warm_until else 0

    def options(self, by: str = KEEPWARM) -> CallOptions:
        """The options of the warm call made by `by`."""
        state = self.candidate.state
        ends = state.life.warm_until or 0.0
        refresh = self.decision.action == "refresh"
        return CallOptions(
            key=state.key,
            owner=f"{by}-{os.urandom(8).hex()}",
            # As read, so that another caller's refresh meanwhile is not repeated.
            needed_until=ends,
            latest_start=ends - MARGIN_SECONDS if refresh else None,
            idle_refreshes=1 if state.life.warm_until else 0,
            ttl=self.decision.ttl,
            by=by,
        )

    def check(self, now: float) -> Check:
        """The check to record if nothing is sent."""
        candidate, decision = self.candidate, self.decision
        return Check(
            at=now,
            due_at=max(decision.next_check or 0.0, now + 1),
            reason=decision.reason,
            learned=candidate.own_learned_text,
            wanted_ttl=decision.ttl,
        )

    def after(self, outcome: Outcome) -> Candidate:
        """The candidate after a successful call."""
        state = self.candidate.state
        life = state.life.replace(
            last_touch=outcome.started_at,
            warm_until=outcome.warm_until,
            granted_ttl=outcome.granted_ttl,
            longest_ttl=TTL_5M if outcome.downgraded else state.life.longest_ttl,
            tokens=outcome.prefix_tokens or state.life.tokens,
        )
        money = state.money.replace(
            calls=state.money.calls + outcome.calls,
            unpriced=state.money.unpriced + (outcome.calls if outcome.cost_usd is None else 0),
            spent_usd=state.money.spent_usd + (outcome.cost_usd or 0.0),
        )
        traffic = state.traffic.replace(idle_refreshes=self.idle_refreshes)
        return replace(
            self.candidate,
            state=state.replace(life=life, traffic=traffic, money=money),
            call=self.candidate.call.billed(life.tokens),
        )

    def account_after(self, called: Candidate, now: float) -> Account | None:
        """The account change for all versions after a successful call."""
        return called.account(now)

    def check_after(self, outcome: Outcome, called: Candidate, now: float) -> Check:
        """The check to record after a successful call; `called` is the candidate after it."""
        before = self.candidate.state.backoff.rewrites
        rewrites = rewrite_breaker.count(self.candidate.state, self.decision.action, outcome)
        tripped = rewrites >= rewrite_breaker.MOST_REWRITES
        following = called.decision(now)
        due_at = following.next_check or now + (outcome.granted_ttl or 0)
        return Check(
            at=now,
            due_at=max(due_at, now + 1),
            reason=rewrite_breaker.sentence(rewrites, outcome) if tripped else self.decision.reason,
            learned=self.candidate.own_learned_text,
            wanted_ttl=following.ttl,
            rewrites=rewrites if rewrites != before else None,
            tripped_until=now + rewrite_breaker.TRIPPED_SECONDS if tripped else None,
        )
