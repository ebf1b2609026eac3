"""States a plan's advice in one sentence."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars
from prefixwarm.plan.comparison import MONTH, NOTHING, TTL_ALONE

if TYPE_CHECKING:
    from prefixwarm.plan.comparison import Plan, Row


_RULES = ("ski", "hazard")


def recommendation(plan: Plan) -> str:
    """The advice, and the cost with and without it."""
    nothing, best = plan.row(NOTHING), plan.best
    month = "a month, waiting included," if plan.costs.latency_usd else "a month"
    starts = f"with {plan.starts_per_day:.2g} session starts a day"
    if plan.costs.too_short:
        return (
            f"Do not keep this warm: its {plan.costs.size} tokens are below the model's "
            f"minimum of {plan.costs.minimum}, so nothing is cached."
        )
    if plan.worthwhile:
        return (
            f"Keep this warm with the rule {best.policy} and the 1 hour TTL: {month} costs "
            f"{_cost(plan, best)} instead of {_cost(plan, nothing)} for doing nothing, and "
            f"{_hits(best)} "
            f"instead of {_hits(nothing)} of first requests hit."
        )
    if best.policy == TTL_ALONE:
        return (
            f"Do not keep this warm, but write it with the 1 hour TTL: {starts}, {month} of that "
            f"alone costs {_cost(plan, best)}, of the 5 minute TTL {_cost(plan, nothing)}."
        )
    cheapest = min((plan.row(rule) for rule in _RULES), key=lambda row: row.units_per_day)
    return (
        f"Do not keep this warm: {starts}, {month} of doing nothing costs {_cost(plan, nothing)}, "
        f"and of refreshing it by the cheapest rule, {cheapest.policy}, {_cost(plan, cheapest)}."
    )


def _cost(plan: Plan, row: Row) -> str:
    aws = plan.aws_usd(row)
    if row.worth_per_month is None:
        beside = f" and {dollars(aws)} for AWS" if aws else ""
        return f"{row.units_per_day * MONTH:.3g} uncached reads of the prefix{beside}"
    within = f" (AWS's {dollars(aws)} included)" if aws else ""
    return f"{dollars(row.worth_per_month + aws)}{within}"


def _hits(row: Row) -> str:
    return "none" if not row.hit_rate else f"{row.hit_rate:.0%}"
