"""The benchmark that counts AWS's charge, over a few minutes of a small deployment."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARK = Path(__file__).parents[3] / "benchmarks" / "aws_bill.py"


def dollars(*options: str) -> dict[str, float]:
    """US dollars a month by item."""
    command = [sys.executable, str(BENCHMARK), "--case", "1 prefix", "--minutes", "6", "--json"]
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    charges: dict[str, float] = json.loads(done.stdout.splitlines()[-1])["1 prefix"]
    return charges


def test_two_alarms_and_no_metric_are_charged_by_default() -> None:
    """Beside the schedule, the function's time, the table and the log."""
    charges = dollars()
    assert charges["custom_metric_month"] == charges["dashboard_month"] == 0
    assert charges["alarm_metric_month"] == pytest.approx(0.20)
    assert charges["scheduler_invocation"] == pytest.approx(0.0432)
    assert charges["dynamodb_write_unit"] > 0
    assert charges["log_ingested_gb"] > 0


def test_all_metrics_are_most_of_the_bill() -> None:
    """With an alarm for each cause, and the dashboard."""
    charges = dollars("--metrics", "full")
    assert charges["custom_metric_month"] > 7
    assert charges["alarm_metric_month"] == pytest.approx(1.00)
    assert charges["dashboard_month"] == 3.0
