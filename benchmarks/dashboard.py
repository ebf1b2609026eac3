"""Draws docs/dashboard.svg: the dashboard as deployed, after a day of the deployed functions.

    apt-get install libfaketime
    .venv/bin/python benchmarks/dashboard.py

The CDK CLI deploys the example app to a local AWS API. Under AWS's runtime emulator the keep-warm
function is started every minute of a day, and the agent by conversations, against the
simulated provider. What they log in the embedded metric format is summed up as CloudWatch does,
and drawn by the deployed dashboard's own body. Takes five minutes on two idle cores.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dashboard_day import conversations, live
from dashboard_svg import draw

from prefixwarm.local.setup import stack
from prefixwarm.local.toolchain import Tools

if TYPE_CHECKING:
    from prefixwarm.local.stack import DeployedStack

TARGET = Path(__file__).parents[1] / "docs" / "dashboard.svg"


def deployed(stack: DeployedStack) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The dashboard's widgets, and the alarms."""
    client = stack.aws.client("cloudwatch")
    (entry,) = client.list_dashboards()["DashboardEntries"]
    body = client.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"]
    return json.loads(body)["widgets"], client.describe_alarms()["MetricAlarms"]


def main() -> None:
    """Live the day, and draw it."""
    with stack(Tools(), lambda text: print(text, file=sys.stderr)) as deployment:
        widgets, alarms = deployed(deployment)
        metrics = live(deployment)
    TARGET.write_text(draw(widgets, alarms, metrics), encoding="utf-8")
    begun = {talk for talks in conversations().values() for talk in talks}
    sums = {name: round(value, 4) for name, value in metrics.sums().items()}
    print(json.dumps({"conversations": len(begun), **sums}, indent=2))


if __name__ == "__main__":
    main()
