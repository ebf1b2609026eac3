"""Draws docs/dashboard.svg: the dashboard as deployed, with the metrics of one simulated day.

    PYTHONPATH=examples/agent .venv/bin/python benchmarks/dashboard.py

The layout is the synthesised dashboard's own. The values are those that the keep-warm function's
code and the init phase's warm calls hand to CloudWatch, minute by minute, while the example agent
has some 60 conversations; the provider is the simulator, the AWS API the local one, and all follow
one clock.
"""

from __future__ import annotations

import json
import os
import random
import sys
import tempfile
from collections import defaultdict
from pathlib import Path
from typing import Any

import anthropic
import support
from dashboard_svg import draw

from prefixwarm.capture import make_prefix
from prefixwarm.core import prefix_file, report
from prefixwarm.core.deadline import Deadline
from prefixwarm.core.routes import route_named
from prefixwarm.core.warm import Ask, warm
from prefixwarm.core.warm_call import compile_prefix
from prefixwarm.demo.local_aws import LocalAws
from prefixwarm.demo.tools import Tools
from prefixwarm.keepwarm.handler import emit, metrics
from prefixwarm.keepwarm.keeper import Keeper
from prefixwarm.simulator import Simulator, running
from prefixwarm_layer import package

TARGET = Path(__file__).parents[1] / "docs" / "dashboard.svg"
SERVICE, TABLE, BUCKET, AGENT = "Support-Warmer", "state", "objects", "support-agent"
MINUTES = 24 * 60
TURNS = 4
Values = defaultdict[str, list[float]]


def conversations() -> dict[int, list[int]]:
    """Which conversations have a turn in each minute of the day: many by day, few by night."""
    chance = random.Random(5)
    turns: dict[int, list[int]] = defaultdict(list)
    for minute in range(MINUTES):
        busy = 8 <= minute // 60 < 18
        if chance.random() < (0.09 if busy else 0.006):
            for turn in range(TURNS):
                turns[minute + 2 * turn].append(turn)
    return turns


class Day:
    """One deployment, its provider and its clock."""

    def __init__(self, sim: Simulator, aws: LocalAws, folder: Path) -> None:
        self.sim = sim
        self.cloudwatch = aws.client("cloudwatch")
        # Midnight, so that the hours of the picture are the day's.
        self.sim.advance(86_400 - self.sim.now() % 86_400)
        self.began = self.sim.now()
        self.values: Values = defaultdict(lambda: [0.0] * 24)
        asked = support.request([{"role": "user", "content": "Hi"}])
        self.prefix = make_prefix("support", asked, headers={"anthropic-version": "2026-10-21"})
        path = prefix_file.write(self.prefix, folder / "prefixes")
        found = package(folder / "build", [path])
        deploy(aws, folder / "build" / "objects")
        environ = {
            **aws.environment(),
            "ANTHROPIC_BASE_URL": sim.url,
            "ANTHROPIC_API_KEY": "key",
            "PREFIXWARM_TABLE": TABLE,
            "PREFIXWARM_MANIFEST": f"s3://{BUCKET}/{found['ManifestKey']}",
            "PREFIXWARM_FUNCTIONS": json.dumps({"support": [AGENT]}),
        }
        os.environ.update(environ)
        self.keeper = Keeper(environ, self.now)

    def now(self) -> float:
        """The one clock."""
        return self.sim.now()

    def run(self) -> None:
        """A tick each minute, and the agent's turns."""
        turns = conversations()
        for minute in range(MINUTES):
            self.sim.advance(max(0.0, self.began + 60 * minute - self.now()))
            self.tick()
            for turn in turns.get(minute, ()):
                self.turn(first=turn == 0)

    def tick(self) -> None:
        """What the handler does, on this clock."""
        emit(self.keeper.tick(Deadline.after(50)))
        self.add(metrics.serialize_metric_set())
        metrics.clear_metrics()

    def turn(self, *, first: bool) -> None:
        """One invocation; a conversation's first one starts an environment."""
        if first:
            self.start()
        with anthropic.Anthropic(base_url=self.sim.url, api_key="key", max_retries=0) as client:
            client.messages.create(**support.request([{"role": "user", "content": "Hello"}]))
        point = {"MetricName": "Invocations", "Timestamp": self.now(), "Value": 1, "Unit": "Count"}
        point["Dimensions"] = [{"Name": "FunctionName", "Value": AGENT}]
        self.cloudwatch.put_metric_data(Namespace="AWS/Lambda", MetricData=[point])

    def start(self) -> None:
        """The warm call of an init phase."""
        call, parts, until = compile_prefix(self.prefix), self.keeper.parts, Deadline.after(10)
        key = call.key(route_named(call.route), "default", parts.environ)
        ask = Ask(key=key, owner="init", needed_until=self.now() + 30, function=AGENT)
        outcome = warm(call, ask, parts.store, parts.provider, until, self.now)
        self.add(json.loads(report.line(outcome, by="init", now=self.now(), service=SERVICE)))

    def add(self, line: Any) -> None:
        """Sum up an embedded metric line by hour."""
        hour = int((self.now() - self.began) // 3600)
        for definition in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]:
            value = line[definition["Name"]]
            self.values[definition["Name"]][hour] += (
                sum(value) if isinstance(value, list) else value
            )


def deploy(aws: LocalAws, objects: Path) -> None:
    """The table and the objects of a deployment."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    for path in objects.iterdir():
        s3.put_object(Bucket=BUCKET, Key=f"prefixwarm/{path.name}", Body=path.read_bytes())
    keys = {"due_shard": "HASH", "due_at": "RANGE"}
    kinds = {"pk": "S", "due_shard": "S", "due_at": "N"}
    aws.client("dynamodb").create_table(
        TableName=TABLE,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": n, "AttributeType": t} for n, t in kinds.items()],
        GlobalSecondaryIndexes=[
            {
                "IndexName": "due",
                "KeySchema": [{"AttributeName": n, "KeyType": k} for n, k in keys.items()],
                "Projection": {"ProjectionType": "ALL"},
            }
        ],
    )


def synthesised(folder: Path, prefixes: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The dashboard's widgets and the alarms' properties, with plain text for references."""
    # The kernel of the constructs reads these when it is imported.
    os.environ["JSII_NODE"] = str(Tools().node())
    os.environ["JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION"] = "18,20,21,23"
    from aws_cdk import App, Stack
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_secretsmanager as secretsmanager

    from prefixwarm_cdk import Credentials, PrefixWarmer

    app = App(outdir=str(folder))
    stack = Stack(app, "Support")
    secret = secretsmanager.Secret.from_secret_name_v2(stack, "Key", "claude")
    warmer = PrefixWarmer(
        stack, "Warmer", prefixes=[prefixes], credentials=Credentials.secret(secret)
    )
    code = lambda_.Code.from_inline("def handler(event, context): return 1")
    runtime = lambda_.Runtime.PYTHON_3_14
    warmer.attach(lambda_.Function(stack, "Agent", code=code, handler="i.h", runtime=runtime))
    resources = app.synth().get_stack_by_name("Support").template["Resources"].values()
    kinds: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for found in resources:
        kinds[found["Type"]].append(found["Properties"])
    body = kinds["AWS::CloudWatch::Dashboard"][0]["DashboardBody"]
    return json.loads(_joined(body))["widgets"], kinds["AWS::CloudWatch::Alarm"]


def _joined(value: Any) -> str:
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        return "".join(_joined(part) for part in value["Fn::Join"][1])
    return str(next(iter(value.values()))).replace('"', "").replace("'", "")


def main() -> None:
    """Live the day, and draw it."""
    with tempfile.TemporaryDirectory() as work, LocalAws() as aws:
        for name, value in aws.environment().items():
            os.environ[name] = value
        with running(clock="manual") as sim:
            day = Day(sim, aws, Path(work))
            day.run()
            day.keeper.close()
        widgets, alarms = synthesised(Path(work) / "cdk.out", Path(work) / "prefixes")
    TARGET.write_text(draw(widgets, alarms, dict(day.values)), encoding="utf-8")
    sums = {name: round(sum(hours), 4) for name, hours in sorted(day.values.items())}
    sys.stdout.write(json.dumps(sums, indent=2) + "\n")


if __name__ == "__main__":
    main()
