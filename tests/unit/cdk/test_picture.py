"""The picture of the dashboard: what it shows is the dashboard, how it sums is CloudWatch."""

from __future__ import annotations

import json
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from dashboard_svg import series, state
from dashboard_values import Metrics

from prefixwarm.state.outcome import REFRESHED, Outcome
from prefixwarm.warm import log_line

PICTURE = Path(__file__).parents[3] / "docs" / "dashboard.svg"
OURS = {"service": "W"}


@pytest.fixture
def metrics() -> Metrics:
    """Two hours from the epoch, with a refresh in the first minute and two in the 70th."""
    found = Metrics(0, 7200)
    outcome = Outcome(kind=REFRESHED, name="support", calls=1, cost_usd=0.25)
    lines = [
        log_line.line(outcome, by="init", now=at, service="W") for at in (30, 4200, 4230, 7200)
    ]
    found.read("\n".join(["START RequestId: 1", *lines, '{"message": "tick"}']))
    return found


def test_log_lines_become_data_points(metrics: Metrics) -> None:
    """By period and statistic; what lies outside the span is not counted."""
    assert metrics.points("prefixwarm", "WarmRefreshed", OURS, 3600) == [1, 2]
    assert metrics.points("prefixwarm", "WarmRefreshed", OURS, 1800) == [1, None, 2, None]
    assert metrics.points("prefixwarm", "WarmCostUSD", OURS, 7200, "p99") == [0.25]
    assert metrics.points("prefixwarm", "WarmRefreshed", {"service": "V"}, 3600) == [None, None]
    assert metrics.sums()["WarmCostUSD"] == 0.75


def test_several_values_of_a_line_count_each(metrics: Metrics) -> None:
    """As the format allows."""
    definition = {"Namespace": "n", "Dimensions": [["service"]], "Metrics": [{"Name": "M"}]}
    line = {"_aws": {"Timestamp": 1, "CloudWatchMetrics": [definition]}, "service": "W"}
    metrics.read(json.dumps({**line, "M": [1, 2, 3]}))
    assert metrics.points("n", "M", OURS, 7200, "Maximum") == [3]
    assert metrics.points("n", "M", OURS, 7200) == [6]


def test_lines_of_a_graph_are_those_of_its_json(metrics: Metrics) -> None:
    """Labels, periods, the right axis, and the difference of two lines."""
    at = ["service", "W"]
    spent = {"id": "spent", "label": "spent", "period": 3600, "stat": "Sum"}
    difference = {"expression": "FILL(saved, 0) - FILL(spent, 0)", "label": "net", "period": 3600}
    lines = [
        ["prefixwarm", "WarmCostUSD", *at, spent],
        ["prefixwarm", "SavedUSD", *at, {**spent, "id": "saved", "label": "saved"}],
        [difference],
        ["prefixwarm", "WarmCalls", *at, {"period": 3600, "stat": "Sum", "yAxis": "right"}],
    ]
    assert series({"metrics": lines}, metrics) == [
        ("spent", False, [0.25, 0.5]),
        ("saved", False, [None, None]),
        ("net", False, [-0.25, -0.5]),
        ("WarmCalls", True, [1, 2]),
    ]
    with pytest.raises(ValueError, match="only"):
        series({"metrics": [[{**difference, "expression": "spent * 2"}]]}, metrics)


@pytest.mark.parametrize(
    ("name", "missing", "threshold", "word"),
    [
        ("WarmRefreshed", "notBreaching", 3, "OK"),
        ("WarmRefreshed", "notBreaching", 2, "went off"),
        ("SavedUSD", "notBreaching", 1, "OK"),
        ("SavedUSD", "breaching", 1, "went off"),
    ],
)
def test_alarms_go_off_as_they_are_set(
    metrics: Metrics, name: str, missing: str, threshold: float, word: str
) -> None:
    """By period, limit and what silence means."""
    alarm = {
        "Namespace": "prefixwarm",
        "MetricName": name,
        "Dimensions": [{"Name": "service", "Value": "W"}],
        "Period": 3600,
        "Statistic": "Sum",
        "Threshold": threshold,
        "TreatMissingData": missing,
    }
    assert state(alarm, metrics)[0] == word


def test_the_picture_is_of_the_dashboard_as_it_is(template: Any, read: Any) -> None:
    """Titles, labels and alarms; else benchmarks/dashboard.py is to be run again."""
    picture = unescape(PICTURE.read_text(encoding="utf-8"))
    (board,) = read.resources(template, "AWS::CloudWatch::Dashboard")
    parts = board["DashboardBody"]["Fn::Join"][1]
    body = "".join(part if isinstance(part, str) else "reference" for part in parts)
    for widget in json.loads(body)["widgets"]:
        assert f">{widget['properties']['title']}<" in picture
        for *names, options in widget["properties"].get("metrics", ()):
            assert f">{options.get('label') or names[1]}<" in picture
    alarms = read.resources(template, "AWS::CloudWatch::Alarm")
    assert picture.count(">OK<") == len(alarms)
