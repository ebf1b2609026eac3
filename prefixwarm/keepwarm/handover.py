"""Transfers the account that all versions of a prefix share to the current version."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from prefixwarm.keepwarm.candidate import encoded, view_of
from prefixwarm.policy import adopted, carry_over, left_behind
from prefixwarm.state.keepwarm_model import HandOver
from prefixwarm.state.model import shared_key

if TYPE_CHECKING:
    from prefixwarm.keepwarm.candidate import Candidate
    from prefixwarm.state.store import StateStore
    from prefixwarm.state.warm_state import State
    from prefixwarm.wire.deadline import Deadline


def with_account(
    candidate: Candidate, store: StateStore, now: float, deadline: Deadline
) -> Candidate:
    """Return the candidate with the state shared by all versions of its prefix.

    If another version holds the account, it is handed over first. This version then continues it,
    and from now on the other spends only what its own requests earn.

    Returns
    -------
    Candidate
        Without the shared state if another caller has just handed it over.
    """
    state = candidate.state
    shared = store.read(shared_key(state.key), deadline)
    if shared.deployment.current != state.key:
        change = _hand_over(candidate, shared, store, now, deadline)
        if not store.hand_over(change, deadline):
            return candidate
        shared = _after(shared, change)
    decision = state.last_decision.replace(learned=shared.last_decision.learned)
    return replace(candidate, state=state.replace(last_decision=decision), shared=shared)


def _hand_over(
    candidate: Candidate, shared: State, store: StateStore, now: float, deadline: Deadline
) -> HandOver:
    """What the current version keeps, and what this one starts with."""
    new, old_key = candidate.state, shared.deployment.current
    call, latency_value, policy = candidate.call, candidate.latency_value, candidate.policy
    view = view_of(new, call, now, latency_value)
    taken = new.money.init_spent_usd
    change = HandOver(at=now, old="", new=new.key, learned=new.last_decision.learned, left="")
    if not old_key:
        return change.replace(init_spent_usd=taken - shared.money.init_spent_usd)
    old = store.read(old_key, deadline)
    old = old.replace(last_decision=old.last_decision.replace(learned=shared.last_decision.learned))
    # Spending of this version's own starts counts as its own.
    others = shared.money.replace(init_spent_usd=shared.money.init_spent_usd - taken)
    # Prices may have changed with the model; the account is in dollars, so convert at our prices.
    before = view_of(old, call, now, latency_value, shared.replace(money=others))
    learned = adopted(view, carry_over(before, policy), policy)
    return change.replace(
        old=old_key,
        learned=encoded(learned),
        left=encoded(left_behind(before, policy)),
        agent_ttl=old.traffic.agent_ttl or shared.traffic.agent_ttl,
        init_spent_usd=taken - shared.money.init_spent_usd,
    )


def _after(shared: State, change: HandOver) -> State:
    money = shared.money.replace(init_spent_usd=shared.money.init_spent_usd + change.init_spent_usd)
    return shared.replace(
        money=money,
        traffic=shared.traffic.replace(agent_ttl=change.agent_ttl),
        last_decision=shared.last_decision.replace(learned=change.learned),
        deployment=shared.deployment.replace(current=change.new),
    )
