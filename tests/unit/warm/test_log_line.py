"""The log line: valid metrics, and nothing secret."""

from __future__ import annotations

import json
from typing import Any

import pytest

from prefixwarm.state.outcome import FAILED, SKIPPED, UNCACHED, WRITTEN, Outcome, Usage
from prefixwarm.warm.log_line import NAMESPACE, TROUBLES, line, metric_line, metrics

DONE = Outcome(
    name="support",
    kind=WRITTEN,
    usage=Usage(write_1h=5000, input=3),
    granted_ttl=3600,
    cost_usd=0.02,
    seconds=0.8,
    calls=1,
    message_id="msg_1",
)
OUTCOMES = [
    DONE,
    Outcome(name="a", kind=SKIPPED, reason="warm", warm_until=5.0),
    Outcome(name="a", kind=FAILED, reason="HTTP 529 overloaded_error", calls=1),
    Outcome(name="a", kind=UNCACHED, usage=Usage(input=9), calls=1, cost_usd=None),
]
# https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
UNITS = {"Count", "Milliseconds", "None", "Seconds"}


def parsed(outcome: Outcome, **options: Any) -> dict[str, Any]:
    """The line as CloudWatch would read it."""
    text = line(outcome, by="init", now=1763700000.25, **options)
    assert "\n" not in text
    document: dict[str, Any] = json.loads(text, parse_constant=pytest.fail)
    return document


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: str(outcome.kind))
def test_is_in_the_embedded_metric_format(outcome: Outcome) -> None:
    """Every metric and dimension that is announced has its value at the root."""
    line = parsed(outcome, service="prod", full=True)
    assert line["_aws"]["Timestamp"] == 1763700000250
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == NAMESPACE
    assert 0 < len(directive["Metrics"]) <= 100
    for dimensions in directive["Dimensions"]:
        assert len(dimensions) <= 30
        assert all(isinstance(line[name], str) and line[name] for name in dimensions)
    for metric in directive["Metrics"]:
        assert set(metric) == {"Name", "Unit"}
        assert metric["Unit"] in UNITS
        assert isinstance(line[metric["Name"]], (int, float))


def test_trouble_alone_is_a_metric_unless_all_are_asked_for() -> None:
    """CloudWatch charges for each hour in which a metric is written."""
    assert "_aws" not in parsed(DONE)
    assert parsed(DONE)["WarmWriteTokens"] == 5000
    line = parsed(OUTCOMES[2])
    (directive,) = line["_aws"]["CloudWatchMetrics"]
    assert [m["Name"] for m in directive["Metrics"]] == ["WarmFailed", "WarmTrouble"]
    assert "WarmWritten" not in line
    full = parsed(OUTCOMES[2], full=True)
    assert {m["Name"] for m in full["_aws"]["CloudWatchMetrics"][0]["Metrics"]} == {
        *metrics(OUTCOMES[2]),
        "WarmTrouble",
    }


@pytest.mark.parametrize(("name", "weight"), TROUBLES.items())
def test_trouble_adds_up(name: str, weight: int) -> None:
    """What somebody has to look at counts as often as the alarm's threshold."""
    text = metric_line({name: (2.0, "Count")}, {}, service="", now=0.0, full=False)
    assert json.loads(text)["WarmTrouble"] == 2 * weight
    assert weight == (1 if name in ("WarmFailed", "StateUnavailable", "TicksMissed") else 3)


def test_counts_one_outcome() -> None:
    """Each kind has a metric."""
    for outcome in OUTCOMES:
        counts = {n: v for n, (v, _) in metrics(outcome).items() if n.startswith("Warm")}
        kinds = ("Written", "Refreshed", "Partial", "Uncached", "Skipped", "Failed")
        assert sum(counts[f"Warm{kind}"] for kind in kinds) == 1
        assert counts[f"Warm{outcome.kind.title()}"] == 1


def test_says_what_happened() -> None:
    """Tokens, dollars and time of a call; facts of the caller."""
    line = parsed(DONE, service="prod", held_ms=12.5, region=None)
    assert line["WarmWriteTokens"] == 5000
    assert line["WarmCostUSD"] == 0.02
    assert line["WarmMilliseconds"] == pytest.approx(800)
    assert (line["by"], line["outcome"], line["message_id"]) == ("init", "written", "msg_1")
    assert line["held_ms"] == 12.5
    assert "region" not in line
    assert parsed(DONE)["service"] == "prefixwarm"


def test_unknown_dollars_are_no_metric() -> None:
    """Nor is the time of a call that was not made."""
    assert "WarmCostUSD" not in parsed(OUTCOMES[3])
    assert "WarmMilliseconds" not in parsed(OUTCOMES[1])
    assert "WarmCostUSD" not in parsed(OUTCOMES[1])
