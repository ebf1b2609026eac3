"""`prefixwarm plan`: compute what keeping a prefix warm would cost and save."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prefixwarm.amounts import dollars
from prefixwarm.cli.aws_options import aws_account
from prefixwarm.cli.output import emit, json_option, line, table, wide_option
from prefixwarm.cli.page_files import html_option, refuse_unwritable, write_page
from prefixwarm.cli.progress import progress
from prefixwarm.cli.traffic_options import TrafficOptions, traffic_options
from prefixwarm.errors import UsageError
from prefixwarm.plan.advice import recommendation
from prefixwarm.plan.comparison import MONTH, compare
from prefixwarm.plan.costs import costs_of
from prefixwarm.plan.page import page
from prefixwarm.prefix.prefix_file import load
from prefixwarm.prices.aws_prices import aws_prices

if TYPE_CHECKING:
    from prefixwarm.plan.arrivals import Traffic
    from prefixwarm.plan.comparison import Plan
    from prefixwarm.prefix.prefix_file import PrefixFile


@click.command(
    epilog="Example: prefixwarm plan support.prefix.json --rate 2 --hours 08-20 --tz Europe/Paris"
)
@click.argument("file", type=click.Path(path_type=Path))
@traffic_options
@click.option("--from-cloudwatch", metavar="FUNCTION", help="A Lambda function's last 14 days.")
@click.option(
    "--latency-value",
    type=click.FloatRange(0, 1e6),
    default=0.0,
    show_default=True,
    help="US dollars that one second of waiting for the first token costs you.",
)
@click.option(
    "--miss-seconds",
    type=click.FloatRange(0, 600),
    default=1.0,
    show_default=True,
    help="Seconds that a miss delays the first token.",
)
@click.option(
    "--aws-usd-per-month",
    type=click.FloatRange(0, 1e6),
    help="AWS's charge for the deployment.  [default: one prefix, from the price table]",
)
@html_option
@wide_option
@aws_account
@json_option
def plan(
    file: Path,
    requests: TrafficOptions,
    from_cloudwatch: str | None,
    latency_value: float,
    miss_seconds: float,
    aws_usd_per_month: float | None,
    html: Path | None,
    wide: bool,
    as_json: bool,
) -> None:
    """Replay arrivals through the policies and recommend one.

    Dollars include the real requests' own cache reads and writes of the prefix. WAITING is the cost
    of waiting for a month's misses.
    """
    refuse_unwritable(html)
    prefix = load(file)
    active = requests.active()
    with progress("reading the requests"):
        traffic = _traffic(requests, from_cloudwatch)
    aws = aws_prices().deployment() if aws_usd_per_month is None else aws_usd_per_month
    with progress(f"replaying {traffic.requests:,} requests through every policy"):
        result = compare(traffic, costs_of(prefix, latency_value * miss_seconds), active, aws)
        document = _document(result, prefix)
        if html is not None:
            write_page(html, page(result, prefix.name, prefix.model))
    emit(document, as_json, lambda: _show(result, wide))


def _traffic(requests: TrafficOptions, function: str | None) -> Traffic:
    sources = [option is not None for option in (requests.arrivals, requests.rate, function)]
    if sum(sources) != 1:
        raise UsageError("plan: give one of --arrivals FILE, --rate PER_HOUR and --from-cloudwatch")
    traffic = requests.traffic()
    if traffic is not None:
        return traffic
    from prefixwarm.plan.cloudwatch import invocations

    return invocations(str(function))


def _document(result: Plan, prefix: PrefixFile) -> dict[str, Any]:
    costs, traffic = result.costs, result.traffic
    return {
        "name": prefix.name,
        "model": prefix.model,
        "tokens": costs.tokens,
        "tokens_estimated": costs.is_estimated,
        "unit_usd": costs.unit_usd,
        "prices": costs.source,
        "multipliers": vars(costs.multipliers),
        "latency_usd": costs.latency_usd,
        "traffic": {
            "source": traffic.source,
            "requests": traffic.requests,
            "days": traffic.days,
            "starts_per_day": result.starts_per_day,
        },
        "policies": [vars(row) | {"usd_per_month": row.usd_per_month} for row in result.rows],
        "aws_usd_per_month": result.aws_usd_per_month,
        "break_even_per_day": result.break_even_per_day,
        "keep_warm": result.worthwhile,
        "cheapest": result.best.policy,
        "recommendation": recommendation(result),
    }


def _show(result: Plan, wide: bool) -> None:
    rows = [
        {
            "POLICY": row.policy,
            "USD/DAY": dollars(row.usd_per_day),
            "USD/MONTH": dollars(row.usd_per_month),
            "WAITING": dollars(row.waiting_usd_per_day * MONTH),
            "FIRST HITS": "-" if row.hit_rate is None else f"{row.hit_rate:.0%}",
            "WARMS/DAY": f"{row.pings_per_day:.1f}",
            "MISSES/DAY": f"{row.misses_per_day:.2f}",
        }
        for row in result.rows
    ]
    table(rows, optional=(("USD/DAY",), ("WAITING",)), wide=wide)
    line()
    line(f"AWS's own charge for keeping it warm: {dollars(result.aws_usd_per_month)} a month.")
    if result.break_even_per_day is not None:
        line(f"Break-even: about {result.break_even_per_day:.2g} requests a day.")
    if result.best.deployment_usd:
        cost = dollars(result.best.deployment_usd)
        line(f"The write at each deployment of a changed prompt is not in the table: {cost}.")
    line(recommendation(result))
