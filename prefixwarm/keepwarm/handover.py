"""One account for all versions of a prefix: who holds it, and how it changes hands."""

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
    """The candidate with what all versions of its prefix share.

    Where another version holds the account, it is handed over first: then this version goes on with
    it, and the other one spends only what its own requests earn from now on.

    Returns
    -------
    Candidate
        Without what is shared, when somebody else handed it over just now.
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
    """What the present version leaves behind, and what this one begins with."""
    new, old_key = candidate.state, shared.deployment.current
    call, latency_value, policy = candidate.call, candidate.latency_value, candidate.policy
    view = view_of(new, call, now, latency_value)
    taken = new.money.init_spent_usd
    change = HandOver(at=now, old="", new=new.key, learned=new.last_decision.learned, left="")
    if not old_key:
        return change.replace(init_spent_usd=taken - shared.money.init_spent_usd)
    old = store.read(old_key, deadline)
    old = old.replace(last_decision=old.last_decision.replace(learned=shared.last_decision.learned))
    # What this version's own starts have taken counts as its own.
    others = shared.money.replace(init_spent_usd=shared.money.init_spent_usd - taken)
    # Its prices may have changed with the model; only dollars are at hand, so ours measure them.
    before = view_of(old, call, now, latency_value, shared.replace(money=others))
    learned = adopted(view, carry_over(before, policy), policy)
    return change.replace(
        old=old_key,
        learned=encoded(learned),
        left=encoded(left_behind(before, policy)),
        init_spent_usd=taken - shared.money.init_spent_usd,
    )


def _after(shared: State, change: HandOver) -> State:
    money = shared.money.replace(init_spent_usd=shared.money.init_spent_usd + change.init_spent_usd)
    return shared.replace(
        money=money,
        last_decision=shared.last_decision.replace(learned=change.learned),
        deployment=shared.deployment.replace(current=change.new),
    )
