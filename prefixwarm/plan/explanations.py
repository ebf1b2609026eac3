"""Explains each row of a plan in one sentence."""

from __future__ import annotations

from prefixwarm.plan.comparison import BLIND, BOUND, NOTHING, TTL_ALONE
from prefixwarm.policy.summaries import SUMMARIES

EXPLANATIONS = {
    NOTHING: "Requests write with the 5 minute TTL. No warm calls.",
    TTL_ALONE: "Requests write with the 1 hour TTL. No warm calls.",
    BLIND: "Refreshes the 5 minute TTL every 4 minutes without end; for comparison.",
    **{rule: SUMMARIES[rule] for rule in ("always", "ski", "hazard", "auto")},
    BOUND: "The least possible cost, with all requests known beforehand.",
}
