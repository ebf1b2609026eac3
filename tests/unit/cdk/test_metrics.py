"""Alarms, metrics and the dashboard: only names that the code emits."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import Duration
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from prefixwarm.errors import UsageError
from prefixwarm.keepwarm.tick_report import TickReport
from prefixwarm.observe import observation
from prefixwarm.observe.observation import HIT_RATE, Observation
from prefixwarm.state.outcome import REFRESHED, Outcome, Usage
from prefixwarm.warm import log_line
from prefixwarm_cdk.metrics import METRICS

# Synthesis takes seconds in all; test_contract.py compares whole templates in a quick run.
pytestmark = pytest.mark.slow

SINGLE = {"MetricName", "Namespace", "Dimensions", "Statistic", "Period"}


def dashboard(template: Any, read: Any) -> dict[str, Any]:
    """The dashboard's body, with names in the place of references."""
    (dashboard,) = read.resources(template, "AWS::CloudWatch::Dashboard")
    parts = dashboard["DashboardBody"]["Fn::Join"][1]
    body = "".join(part if isinstance(part, str) else "reference" for part in parts)
    return dict(json.loads(body))


@pytest.fixture(scope="module")
def full(make_bench: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """All metrics, their alarms and the dashboard."""
    bench = make_bench(tmp_path_factory.mktemp("full"))
    bench.warmer(metrics="full", dashboard=True).attach(bench.function())
    return bench.template()


def names(alarms: list[dict[str, Any]]) -> set[tuple[str, str]]:
    """Namespace and metric of each."""
    return {(alarm["Namespace"], alarm["MetricName"]) for alarm in alarms}


def test_two_alarms_watch_single_metrics(template: Any, read: Any) -> None:
    """Neither metric math nor composite alarms, which cost more."""
    alarms = read.resources(template, "AWS::CloudWatch::Alarm")
    assert names(alarms) == {("prefixwarm", "WarmTrouble"), ("AWS/Lambda", "Errors")}
    assert len(alarms) == 2
    for alarm in alarms:
        assert set(alarm) > SINGLE
        assert "Metrics" not in alarm
        assert "AlarmActions" not in alarm
        assert alarm["AlarmDescription"].startswith("prefixwarm Warmer-Warm: ")


def test_all_metrics_bring_an_alarm_for_each_cause(full: Any, read: Any) -> None:
    """By namespace and the one dimension."""
    alarms = read.resources(full, "AWS::CloudWatch::Alarm")
    own = [alarm for alarm in alarms if alarm["Namespace"] == log_line.NAMESPACE]
    assert len(alarms) == 10
    assert {alarm["MetricName"] for alarm in own} == {
        "AgentDrift",
        "BudgetReached",
        "StateUnavailable",
        "WarmFailed",
        "WarmRewrote",
        "WarmStopped",
        "WarmUncached",
    }
    for alarm in own:
        assert alarm["Dimensions"] == [{"Name": "service", "Value": "Warmer-Warm"}]
    (stopped,) = [alarm for alarm in alarms if alarm["MetricName"] == "StateUnavailable"]
    assert stopped["TreatMissingData"] == "breaching"
    assert {a["TreatMissingData"] for a in alarms if a is not stopped} == {"notBreaching"}


def test_the_functions_learn_which_metrics_to_write(template: Any, full: Any, read: Any) -> None:
    """The agent as well, for its layer and for what observes it."""
    for made, value in ((template, None), (full, "full")):
        functions = read.resources(made, "AWS::Lambda::Function")
        variables = [function["Environment"]["Variables"] for function in functions]
        assert {environment.get("PREFIXWARM_METRICS") for environment in variables} == {value}


def test_an_alarm_on_the_hit_rate_is_opt_in(bench: Any, read: Any) -> None:
    """By tokens, of three metrics that are written for it alone."""
    bench.warmer(hit_rate_alarm=0.4)
    template = bench.template()
    alarms = read.resources(template, "AWS::CloudWatch::Alarm")
    (own,) = [alarm for alarm in alarms if "Metrics" in alarm]
    assert (len(alarms), own["Threshold"], own["ComparisonOperator"]) == (
        3,
        0.4,
        "LessThanThreshold",
    )
    assert own["TreatMissingData"] == "notBreaching"
    (rate,) = [m["Expression"] for m in own["Metrics"] if "Expression" in m]
    names = {
        m["Id"]: m["MetricStat"]["Metric"]["MetricName"]
        for m in own["Metrics"]
        if "MetricStat" in m
    }
    assert rate == "r / (r + w + u)"
    assert names == {"r": "AgentReadTokens", "w": "AgentWriteTokens", "u": "AgentInputTokens"}
    functions = read.resources(template, "AWS::Lambda::Function")
    assert {f["Environment"]["Variables"].get("PREFIXWARM_METRICS") for f in functions} == {
        "hit-rate"
    }


def test_alarms_have_a_topic_or_are_left_out(bench: Any, read: Any) -> None:
    """One keyword each."""
    topic = sns.Topic(bench.stack, "Topic")
    bench.warmer(alarm_topic=topic)
    bench.warmer(id="Silent", alarms=False)
    alarms = read.resources(bench.template(), "AWS::CloudWatch::Alarm")
    assert [alarm["AlarmActions"] for alarm in alarms] == 2 * [
        [bench.stack.resolve(topic.topic_arn)]
    ]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"dashboard": True}, r'\(dashboard=True\): .* metrics="full" only'),
        ({"metrics": "all"}, r"""\(metrics='all'\): write "trouble" or "full"$"""),
        ({"metrics": "hit-rate"}, "for the hit rate alone pass hit_rate_alarm=0.5"),
        ({"hit_rate_alarm": 50}, r"\(hit_rate_alarm=50\): write a share between 0 and 1"),
        ({"hit_rate_alarm": 0.5, "alarms": False}, r"\(hit_rate_alarm=0.5\): .* alarms=False"),
        ({"reserved_concurrency": 0}, r"\(reserved_concurrency=0\): write a whole number above 0"),
    ],
)
def test_what_makes_no_sense_is_refused(bench: Any, options: dict[str, Any], words: str) -> None:
    """In one line that says what to do."""
    with pytest.raises(UsageError, match=words):
        bench.warmer(**options)


def test_a_topic_without_alarms_is_refused(bench: Any) -> None:
    """It would receive nothing."""
    with pytest.raises(UsageError, match=r"\(alarm_topic=\.\.\.\): is of no use with alarms=False"):
        bench.warmer(alarms=False, alarm_topic=sns.Topic(bench.stack, "Topic"))


def test_queries_are_saved_for_what_no_metric_shows(template: Any, read: Any) -> None:
    """They cost nothing until they are run, and read the keep-warm function's own log."""
    queries = read.resources(template, "AWS::Logs::QueryDefinition")
    assert {query["Name"] for query in queries} == {
        "prefixwarm/Warmer-Warm/is anything wrong",
        "prefixwarm/Warmer-Warm/is it warm",
        "prefixwarm/Warmer-Warm/do requests read it",
        "prefixwarm/Warmer-Warm/does it pay",
    }
    assert all(len(query["LogGroupNames"]) == 1 for query in queries)
    (reads,) = [query["QueryString"] for query in queries if "requests" in query["Name"]]
    assert all(f"sum({name})" in reads for name in HIT_RATE)


def test_a_metric_that_is_not_written_is_warned_about(bench: Any) -> None:
    """An alarm on it would never have data."""
    warmer = bench.warmer()
    warmer.attach(bench.function())
    warmer.metric("WarmRewrote")
    assert bench.warnings() == []
    warmer.metric_cost()
    (warning,) = bench.warnings()
    assert 'WarmCostUSD is written only with metrics="full"' in warning


def test_a_key_of_the_users_encrypts_table_and_log(bench: Any, read: Any) -> None:
    """Who uses the table may use the key, by way of DynamoDB alone."""
    key = kms.Key(bench.stack, "Own")
    bench.warmer(encryption_key=key, reserved_concurrency=2).attach(bench.function())
    template = bench.template()
    arn = bench.stack.resolve(key.key_arn)
    (table,) = read.resources(template, "AWS::DynamoDB::Table")
    assert table["SSESpecification"] == {
        "SSEEnabled": True,
        "SSEType": "KMS",
        "KMSMasterKeyId": arn,
    }
    (log,) = read.resources(template, "AWS::Logs::LogGroup")
    assert log["KmsKeyId"] == arn
    allowed = [s for s in read.statements(template) if s["Resource"] == arn]
    assert len(allowed) == 2
    for statement in allowed:
        via = statement["Condition"]["StringEquals"]["kms:ViaService"]
        assert via["Fn::Join"][1][0] == "dynamodb."
    functions = read.resources(template, "AWS::Lambda::Function")
    assert [f.get("ReservedConcurrentExecutions") for f in functions] == [2, None]


def test_the_service_is_what_the_functions_call_themselves(template: Any, read: Any) -> None:
    """The dimension comes from these variables."""
    functions = read.resources(template, "AWS::Lambda::Function")
    names = [function["Environment"]["Variables"] for function in functions]
    assert {name["PREFIXWARM_DEPLOYMENT"] for name in names} == {"Warmer-Warm"}
    assert {name.get("POWERTOOLS_SERVICE_NAME") for name in names} == {"Warmer-Warm", None}


def test_the_dashboard_shows_known_metrics_of_this_warmer(full: Any, read: Any) -> None:
    """Every line of ours is a metric that the code emits."""
    text = json.dumps(dashboard(full, read))
    shown = set(re.findall(rf'"{log_line.NAMESPACE}", "(\w+)", "service", "Warmer-Warm"', text))
    assert shown <= set(METRICS)
    assert {"WarmRefreshed", "AgentHit", "WarmCostUSD", "SavedUSD", "StateUnavailable"} < shown


def test_the_dashboard_subtracts_what_was_spent(full: Any, read: Any) -> None:
    """Net is saved less spent, over the ids of the two lines beside it."""
    widgets = dashboard(full, read)["widgets"]
    (money,) = [w for w in widgets if w["properties"]["title"].startswith("Does it pay?")]
    *lines, net = money["properties"]["metrics"]
    ids = {options["id"]: name for _, name, _, _, options in lines}
    assert ids == {"spent": "WarmCostUSD", "saved": "SavedUSD"}
    assert net[0]["expression"] == "FILL(saved, 0) - FILL(spent, 0)"


def test_the_dashboard_asks_three_questions(full: Any, read: Any) -> None:
    """One row each."""
    titles = [w["properties"]["title"] for w in dashboard(full, read)["widgets"]]
    assert [title.partition("?")[0] for title in titles if "?" in title] == [
        "Is it warm",
        "Does it pay",
        "Is anything wrong",
    ]


def test_there_is_no_dashboard_unless_it_is_asked_for(template: Any) -> None:
    """It costs $3 a month."""
    template.resource_count_is("AWS::CloudWatch::Dashboard", 0)


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
    seen = Observation("support", None, usage, 0.0, missed_usd=0.0)
    warmed = {**log_line.metrics(outcome), **TickReport(outcomes=[outcome]).metrics()}
    own = {observation.DIAGNOSED: (1.0, "Count"), log_line.TROUBLE: (1.0, "Count")}
    return {**warmed, **observation.metrics(seen), **own}


def test_the_metrics_are_those_that_the_code_emits() -> None:
    """No name is missing, none is made up."""
    assert set(emitted()) == set(METRICS)


def test_the_docs_list_every_metric_with_its_unit() -> None:
    """docs/metrics.md, as the code has it."""
    text = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    by = "both|extension|keep-warm|observe"
    rows = re.findall(rf"^\| (\w+) \| (\w+) \| (?:{by}) \|", text, re.MULTILINE)
    assert sorted(rows) == sorted((name, unit) for name, (_, unit) in emitted().items())
