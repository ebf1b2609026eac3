"""Alarms, metrics and the dashboard: only names that the code emits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration

from prefixwarm.errors import UsageError
from prefixwarm.keepwarm.tick_report import TickReport
from prefixwarm.observe import observation
from prefixwarm.observe.observation import Observation
from prefixwarm.state.outcome import REFRESHED, Outcome, Usage
from prefixwarm.warm import log_line
from prefixwarm_cdk.metrics import METRICS

SINGLE = {"MetricName", "Namespace", "Dimensions", "Statistic", "Period"}


def dashboard(template: Any, read: Any) -> dict[str, Any]:
    """The dashboard's body, with names in the place of references."""
    (found,) = read.resources(template, "AWS::CloudWatch::Dashboard")
    parts = found["DashboardBody"]["Fn::Join"][1]
    body = "".join(part if isinstance(part, str) else "reference" for part in parts)
    return dict(json.loads(body))


def test_alarms_watch_single_metrics(template: Any, read: Any) -> None:
    """Neither metric math nor composite alarms."""
    alarms = read.resources(template, "AWS::CloudWatch::Alarm")
    assert len(alarms) == 9
    for alarm in alarms:
        assert set(alarm) > SINGLE
        assert "Metrics" not in alarm
        assert alarm["AlarmDescription"].startswith("prefixwarm Warmer-Warm: ")


def test_alarms_watch_what_the_code_emits(template: Any, read: Any) -> None:
    """By namespace and the one dimension."""
    alarms = read.resources(template, "AWS::CloudWatch::Alarm")
    own = [alarm for alarm in alarms if alarm["Namespace"] == log_line.NAMESPACE]
    assert {alarm["MetricName"] for alarm in own} == {
        "AgentDrift",
        "BudgetReached",
        "StateUnavailable",
        "WarmFailed",
        "WarmRewrote",
        "WarmUncached",
    }
    for alarm in own:
        assert alarm["Dimensions"] == [{"Name": "service", "Value": "Warmer-Warm"}]


def test_silence_of_the_keep_warm_function_is_an_alarm(template: Any, read: Any) -> None:
    """No data means that nothing starts it."""
    alarms = read.resources(template, "AWS::CloudWatch::Alarm")
    (stopped,) = [alarm for alarm in alarms if alarm["MetricName"] == "StateUnavailable"]
    assert stopped["TreatMissingData"] == "breaching"
    assert {a["TreatMissingData"] for a in alarms if a is not stopped} == {"notBreaching"}


def test_the_service_is_what_the_functions_call_themselves(template: Any, read: Any) -> None:
    """The dimension comes from these variables."""
    functions = read.resources(template, "AWS::Lambda::Function")
    names = [function["Environment"]["Variables"] for function in functions]
    assert {name["PREFIXWARM_DEPLOYMENT"] for name in names} == {"Warmer-Warm"}
    assert {name.get("POWERTOOLS_SERVICE_NAME") for name in names} == {"Warmer-Warm", None}


def test_the_dashboard_shows_known_metrics_of_this_warmer(template: Any, read: Any) -> None:
    """Every line of ours is a metric that the code emits."""
    text = json.dumps(dashboard(template, read))
    shown = set(re.findall(rf'"{log_line.NAMESPACE}", "(\w+)", "service", "Warmer-Warm"', text))
    assert shown <= set(METRICS)
    assert {"WarmRefreshed", "AgentHit", "WarmCostUSD", "SavedUSD", "StateUnavailable"} < shown


def test_the_dashboard_subtracts_what_was_spent(template: Any, read: Any) -> None:
    """Net is saved less spent, over the ids of the two lines beside it."""
    widgets = dashboard(template, read)["widgets"]
    (money,) = [w for w in widgets if w["properties"]["title"].startswith("Does it pay?")]
    *lines, net = money["properties"]["metrics"]
    ids = {options["id"]: name for _, name, _, _, options in lines}
    assert ids == {"spent": "WarmCostUSD", "saved": "SavedUSD"}
    assert net[0]["expression"] == "FILL(saved, 0) - FILL(spent, 0)"


def test_the_dashboard_asks_three_questions(template: Any, read: Any) -> None:
    """One row each."""
    titles = [w["properties"]["title"] for w in dashboard(template, read)["widgets"]]
    assert [title.partition("?")[0] for title in titles if "?" in title] == [
        "Is it warm",
        "Does it pay",
        "Is anything wrong",
    ]


def test_the_dashboard_can_be_left_out(bench: Any) -> None:
    """It costs money in accounts with many."""
    bench.warmer(dashboard=False)
    bench.template().resource_count_is("AWS::CloudWatch::Dashboard", 0)


def test_metrics_by_name_and_by_method(bench: Any) -> None:
    """For the user's own alarms."""
    warmer = bench.warmer()
    cost = warmer.metric_cost(period=Duration.days(1))
    assert (cost.metric_name, cost.statistic) == ("WarmCostUSD", "Sum")
    assert cost.dimensions == {"service": "Warmer-Warm"}
    assert cost.period.to_days() == 1
    by_method = [getattr(warmer, name) for name in dir(warmer) if name.startswith("metric_")]
    assert [method().metric_name for method in by_method] == [
        "WarmCostUSD",
        "WarmFailed",
        "WarmRefreshed",
        "SavedUSD",
        "WarmWritten",
    ]


def test_an_unknown_metric_is_refused(bench: Any) -> None:
    """With the names that there are."""
    with pytest.raises(UsageError, match=r"'Warmth'.*WarmCalls"):
        bench.warmer().metric("Warmth")


def emitted() -> dict[str, tuple[float, str]]:
    """By the extension, the keep-warm function, and `prefixwarm.observe` in the agent."""
    usage = Usage(input=3, read=5, write_1h=7)
    outcome = Outcome(kind=REFRESHED, name="support", calls=1, usage=usage, cost_usd=0.1)
    seen = Observation("support", None, usage, 0.0)
    warmed = {**log_line.metrics(outcome), **TickReport(outcomes=[outcome]).metrics()}
    return {**warmed, **observation.metrics(seen), observation.DIAGNOSED: (1.0, "Count")}


def test_the_metrics_are_those_that_the_code_emits() -> None:
    """No name is missing, none is made up."""
    assert set(emitted()) == set(METRICS)


def test_the_docs_list_every_metric_with_its_unit() -> None:
    """docs/metrics.md, as the code has it."""
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    by = "both|extension|keep-warm|observe"
    rows = re.findall(rf"^\| (\w+) \| (\w+) \| (?:{by}) \|", text, re.MULTILINE)
    assert sorted(rows) == sorted((name, unit) for name, (_, unit) in emitted().items())
