"""A plan as one HTML page that needs nothing else."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from prefixwarm.plan.advice import money, recommendation
from prefixwarm.plan.comparison import MONTH
from prefixwarm.plan.curve import curve
from prefixwarm.plan.timeline import SHOWN_DAYS, timeline
from prefixwarm.safe_text import printable

if TYPE_CHECKING:
    from prefixwarm.plan.comparison import Plan, Row


_STYLE = """
:root { color-scheme: light dark; --ink: #1d2430; --soft: #667085; --line: #d9dee7;
  --paper: #fff; --life: #9cc9f5; --blue: #1565c0; --red: #c62828; --amber: #b26a00;
  --green: #2e7d32; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #333b49;
  --paper: #14181f; --life: #24527f; --blue: #7ab8ff; --red: #ff8a80; --amber: #ffcc80;
  --green: #9ccc9f; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper);
  max-width: 1180px; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
.advice { font-size: 1.1rem; border-left: 4px solid var(--blue); padding-left: .8rem; }
.soft, caption { color: var(--soft); }
table { border-collapse: collapse; } th, td { padding: .25rem .9rem .25rem 0; text-align: right; }
th:first-child, td:first-child { text-align: left; } tr { border-bottom: 1px solid var(--line); }
tr.best { font-weight: 600; } svg { width: 100%; height: auto; font-size: 12px; }
svg text { fill: var(--ink); } .axis { text-anchor: middle; } .name { text-anchor: end; }
svg .axis, svg .marked { fill: var(--soft); } path { fill: none; stroke: var(--line); }
.life { stroke: var(--life); stroke-width: 12; } .request { stroke: var(--ink); }
.refresh { stroke: var(--blue); stroke-width: 1.3; }
.write { stroke: var(--amber); stroke-width: 2; }
.miss { stroke: var(--red); stroke-width: 2; } .mark { stroke: var(--soft); stroke-dasharray: 4 4; }
.line { stroke-width: 2; } .c0 { stroke: var(--red); } .c1 { stroke: var(--amber); }
.c2 { stroke: var(--blue); } .c3 { stroke: var(--soft); }
.key span { margin-right: 1.2rem; } .key b { font-weight: 700; }
"""
_KEY = (
    ("var(--ink)", "real request"),
    ("var(--life)", "the entry lives"),
    ("var(--blue)", "refresh"),
    ("var(--amber)", "write by a warm call"),
    ("var(--red)", "real request that missed"),
)


def page(plan: Plan, name: str, model: str) -> str:
    """Write the page.

    Parameters
    ----------
    plan : Plan
        From `compare`.
    name, model : str
        Of the prefix.

    Returns
    -------
    str
        HTML without scripts and without references.
    """
    title = f"Keep {escaped_line(name)} warm?"
    key = "".join(f'<span><b style="color:{colour}">▮</b> {text}</span>' for colour, text in _KEY)
    return f"""<!DOCTYPE html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>{_STYLE}</style></head>
<body>
<h1>{title}</h1>
<p class="advice">{escaped_line(recommendation(plan))}</p>
<p class="soft">{escaped_line(_facts(plan, model))}</p>
{_table(plan)}
<h2>What happens, over the first {min(SHOWN_DAYS, plan.traffic.days):.3g} days</h2>
<p class="key soft">{key}</p>
{timeline(plan)}
<h2>Cost a day against traffic</h2>
<p class="soft">Random traffic in the same hours; {escaped_line(_break_even(plan))}</p>
{curve(plan)}
</body>
</html>
"""


def escaped_line(text: str) -> str:
    """Text of anybody's as one line of HTML."""
    return escape(printable(text))


def _facts(plan: Plan, model: str) -> str:
    costs = plan.costs
    latency = f", a miss costs {money(costs.latency_usd)} in waiting" if costs.latency_usd else ""
    return (
        f"{model}, {costs.size} tokens; prices: {costs.source}{latency}. {plan.traffic.requests:,} "
        f"requests in {plan.traffic.days:.3g} days ({plan.traffic.source}), "
        f"{plan.starts_per_day:.2g} session starts a day."
    )


def _break_even(plan: Plan) -> str:
    if plan.break_even_per_day is None:
        return "the ski rule is nowhere cheaper than doing nothing."
    return (
        "the ski rule is cheaper than doing nothing from about "
        f"{plan.break_even_per_day:.2g} requests a day on."
    )


def _table(plan: Plan) -> str:
    head = (
        "policy",
        "a day",
        "a month",
        "waiting a month",
        "first requests that hit",
        "warm calls a day",
        "misses a day",
    )
    rows = "".join(_row(row, plan) for row in plan.rows)
    cells = "".join(f"<th>{cell}</th>" for cell in head)
    return f"<table><thead><tr>{cells}</tr></thead><tbody>{rows}</tbody></table>"


def _row(row: Row, plan: Plan) -> str:
    costs = [
        "unknown" if usd is None else money(usd) for usd in (row.usd_per_day, row.usd_per_month)
    ]
    costs.append(money(row.waiting_usd_per_day * MONTH))
    hits = "none seen" if row.hit_rate is None else f"{row.hit_rate:.0%}"
    cells = [row.policy, *costs, hits, f"{row.pings_per_day:.1f}", f"{row.misses_per_day:.2f}"]
    style = ' class="best"' if row is plan.best else ""
    return f"<tr{style}>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"
