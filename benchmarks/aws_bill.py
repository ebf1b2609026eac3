"""Prints what AWS charges a month for a deployment of prefixwarm, item by item.

    .venv/bin/python benchmarks/aws_bill.py
    .venv/bin/python benchmarks/aws_bill.py --case "1 prefix" --metrics full

Counted, not assumed: alarms, dashboards and the schedule from the synthesised template; requests,
log bytes, metrics and table units from a simulated day of the deployed code (`aws_day.py`), times
30. Prices are those of `prefixwarm/prices/aws.json`: list, one region, without the free tier. Two
figures cannot be counted on this machine and are assumptions: how long a tick runs, and how often
Lambda starts a new environment of the keep-warm function.
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from aws_day import MINUTES, Case, live
from aws_usage import PLATFORM_BYTES

from prefixwarm.amounts import dollars
from prefixwarm.prices.aws_prices import aws_prices

if TYPE_CHECKING:
    from aws_day import Day

CASES = (
    Case("idle", prefixes=1, environments=1, requests_a_day=0),
    Case("1 prefix", prefixes=1, environments=1, requests_a_day=100),
    Case("1 prefix, not observed", 1, 1, 100, observed=False),
    Case("10 prefixes", prefixes=10, environments=1, requests_a_day=100),
    Case("100 prefixes", prefixes=100, environments=1, requests_a_day=100),
    Case("1 prefix, asked", prefixes=1, environments=1, requests_a_day=100, asks_a_day=1440),
    Case("1 prefix, 10 environments", prefixes=1, environments=10, requests_a_day=100),
)
DAYS = 30
GB = 1e9
# A tick that finds nothing due, at 512 MB: imports are done, three calls to the table; an ask makes
# one. And what a call adds: the provider's answer, and the table's.
TICK_SECONDS = 0.1
CALL_SECONDS = 1.5
MEMORY_GB = 0.5
# New environments of the keep-warm function a day, how long one starts, and the objects it reads.
ENVIRONMENTS_A_DAY = 12
START_SECONDS = 1.0


def alarm_metrics(template: dict[str, Any]) -> int:
    """Metrics of all alarms: AWS charges for each, by its own or by metric math."""
    alarms = _resources(template, "AWS::CloudWatch::Alarm")
    return sum(
        sum("MetricStat" in metric for metric in alarm["Metrics"]) if "Metrics" in alarm else 1
        for alarm in alarms
    )


def quantities(day: Day, minutes: int) -> dict[str, float]:
    """Units of each item a month."""
    usage, month = day.usage, DAYS * MINUTES / minutes
    ticks = minutes * month
    calls = sum(n for kind, n in usage.outcomes.items() if kind != "skipped") * month
    starts = ENVIRONMENTS_A_DAY * DAYS
    invocations = ticks + usage.asks * month
    seconds = invocations * TICK_SECONDS + calls * CALL_SECONDS + starts * START_SECONDS
    ingested = (usage.log_bytes * month + invocations * PLATFORM_BYTES) / GB
    secrets = usage.calls["secretsmanager GetSecretValue"] * month
    count = len(_resources(day.template, "AWS::CloudWatch::Dashboard"))
    return {
        "alarm_metric_month": alarm_metrics(day.template),
        "composite_alarm_month": len(_resources(day.template, "AWS::CloudWatch::CompositeAlarm")),
        "dashboard_month": count,
        "custom_metric_month": len(usage.metric_hours) * month / (DAYS * 24),
        "get_metric_data_metric": usage.metrics_asked * month,
        "log_ingested_gb": ingested,
        # Compressed, as CloudWatch stores it: about 0.15 of what came in.
        "log_stored_gb_month": ingested * 0.15,
        "scheduler_invocation": ticks,
        "lambda_request": invocations,
        "lambda_gb_second_arm64": seconds * MEMORY_GB,
        "dynamodb_write_unit": usage.write_units * month,
        "dynamodb_read_unit": usage.reads * month,
        "dynamodb_stored_gb_month": 2 * usage.table_bytes / GB,
        "dynamodb_recovery_gb_month": usage.table_bytes / GB,
        "kms_request": len(usage.key_windows) * month if _own_key(day.template) else 0,
        "secrets_manager_request": secrets + starts,
        "s3_get": (usage.calls["s3 GetObject"] + 1) * starts,
        "sqs_request": sum(n for name, n in usage.calls.items() if name.startswith("sqs ")) * month,
    }


def bill(day: Day, minutes: int = MINUTES) -> dict[str, float]:
    """US dollars a month by item."""
    prices = aws_prices()
    return {name: prices.usd[name] * n for name, n in quantities(day, minutes).items()}


def show(case: Case, day: Day, minutes: int) -> None:
    """One table."""
    prices, amounts, usd_by_item = aws_prices(), quantities(day, minutes), bill(day, minutes)
    print(f"\n{case.name}: {case.requests_a_day} requests a day and environment")
    for name, usd in sorted(usd_by_item.items(), key=lambda item: -item[1]):
        if usd:
            print(f"  {name:28} {amounts[name]:>14,.4g} {prices.units[name]:14} {dollars(usd)}")
    print(f"  {'a month':28} {'':>14} {'':14} {dollars(sum(usd_by_item.values()))}", flush=True)


def main() -> None:
    """All cases, or one."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--case", choices=[case.name for case in CASES])
    parser.add_argument("--metrics", choices=["trouble", "full"], default="trouble")
    parser.add_argument("--minutes", type=int, default=MINUTES, help="of the simulated day")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    prices = aws_prices()
    print(f"AWS list prices of {prices.region}, {prices.as_of}, without the free tier")
    for case in CASES:
        if options.case in (None, case.name):
            settings = {"metrics": "full", "dashboard": True} if options.metrics == "full" else {}
            day = live(case, options.minutes, **settings)
            show(case, day, options.minutes)
            if options.json:
                print(json.dumps({case.name: bill(day, options.minutes)}))


def _own_key(template: dict[str, Any]) -> bool:
    """Whether a key of the account encrypts the table; requests to AWS's own cost nothing."""
    (table,) = _resources(template, "AWS::DynamoDB::Table")
    return bool(table.get("SSESpecification", {}).get("SSEEnabled"))


def _resources(template: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [r["Properties"] for r in template["Resources"].values() if r["Type"] == kind]


if __name__ == "__main__":
    main()
