"""Writes a plan as one self-contained HTML page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prefixwarm.amounts import dollars
from prefixwarm.pages.document import document, explanations, heading, legend, paragraph, table
from prefixwarm.plan import curve, timeline
from prefixwarm.plan.advice import recommendation
from prefixwarm.plan.comparison import BLIND, BOUND, MONTH, NOTHING, TTL_ALONE
from prefixwarm.policy.summaries import SUMMARIES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from prefixwarm.plan.comparison import Plan, Row

EXPLANATIONS = {
    NOTHING: "Requests write with the 5 minute TTL. No warm calls.",
    TTL_ALONE: "Requests write with the 1 hour TTL. No warm calls.",
    BLIND: "Refreshes the 5 minute TTL every 4 minutes without end; for comparison.",
    **{rule: SUMMARIES[rule] for rule in ("always", "ski", "hazard", "auto")},
    BOUND: "The least possible cost, with all requests known beforehand.",
}


def page(plan: Plan, name: str, model: str) -> str:
    """Return the page.

    Parameters
    ----------
    plan : Plan
        From `compare`.
    name, model : str
        The prefix's.

    Returns
    -------
    str
        HTML without scripts or references.
    """
    style = timeline.STYLE + curve.STYLE
    return document(f"Keep {name} warm?", _parts(plan, model), style)


def _parts(plan: Plan, model: str) -> Iterator[str]:
    yield paragraph(recommendation(plan), "advice")
    yield paragraph(_facts(plan, model), "soft")
    yield table([_row(row, plan) for row in plan.rows], plan.best.policy)
    yield paragraph(f"US dollars for the prefix alone. {_aws(plan)}", "soft")
    yield heading("What each policy does")
    yield explanations(EXPLANATIONS)
    yield heading("What happens over time")
    yield paragraph(f"Shown: {timeline.shown_time(plan)}.", "soft")
    yield legend(timeline.LEGEND)
    yield timeline.timeline(plan)
    yield heading("Cost a day against traffic")
    yield paragraph(f"Random traffic in the same hours; {_break_even(plan)}", "soft")
    yield curve.curve(plan)


def _facts(plan: Plan, model: str) -> str:
    costs = plan.costs
    latency = f", a miss costs {dollars(costs.latency_usd)} in waiting" if costs.latency_usd else ""
    return (
        f"{model}, {costs.size} tokens; prices: {costs.source}{latency}. {plan.traffic.requests:,} "
        f"requests in {plan.traffic.days:.3g} days ({plan.traffic.source}), "
        f"{plan.starts_per_day:.2g} session starts a day."
    )


def _aws(plan: Plan) -> str:
    charge = dollars(plan.aws_usd_per_month)
    return f"AWS's own charge for keeping it warm, {charge} a month, comes on top."


def _break_even(plan: Plan) -> str:
    if plan.break_even_per_day is None:
        return "the ski rule is nowhere cheaper than doing nothing."
    return (
        "the ski rule is cheaper than doing nothing from about "
        f"{plan.break_even_per_day:.2g} requests a day on."
    )


def _row(row: Row, plan: Plan) -> dict[str, str]:
    """Cells by column; waiting is a column if it has a price."""
    waiting = dollars(row.waiting_usd_per_day * MONTH)
    return {
        "policy": row.policy,
        "a day": dollars(row.usd_per_day),
        "a month": dollars(row.usd_per_month),
        **({"waiting a month": waiting} if plan.costs.latency_usd else {}),
        "first requests that hit": "none seen" if row.hit_rate is None else f"{row.hit_rate:.0%}",
        "warm calls a day": f"{row.pings_per_day:.1f}",
        "misses a day": f"{row.misses_per_day:.2f}",
    }
