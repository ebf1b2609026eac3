"""Arrivals from files, from a rate, and from CloudWatch."""

from __future__ import annotations

import io
from datetime import datetime, timedelta, timezone
from pathlib import Path

import boto3
import pytest
from moto import mock_aws

from prefixwarm.errors import PrefixwarmError, SettingsError, UsageError
from prefixwarm.plan.arrivals import poisson, read
from prefixwarm.plan.cloudwatch import invocations
from prefixwarm.policy import Policy

# As `aws logs get-query-results` prints, newest first, and `filter-log-events`.
INSIGHTS = """{"results": [
  [{"field": "@timestamp", "value": "2026-11-20T09:01:00Z"}, {"field": "@ptr", "value": "x"}],
  [{"field": "@timestamp", "value": "2026-11-20T09:00:00Z"}, {"field": "@ptr", "value": "y"}]
], "status": "Complete"}"""
EVENTS = """{"events": [
  {"timestamp": 1795165200000, "message": "START"}, {"timestamp": 1795165260000, "message": "START"}
]}"""
# As the console writes "Export results", and a row of the programming interface, in UTC.
EXPORT = """[{"@timestamp": "2026-11-20 10:01:00.000", "@message": "b"},
 {"@timestamp": "2026-11-20 10:00:00.000", "@message": "a"}]"""
BARE = """{"results": [[{"field": "@timestamp", "value": "2026-11-20 09:01:00.000"}],
  [{"field": "@timestamp", "value": "2026-11-20 09:00:00.000"}]]}"""
NINE = datetime(2026, 11, 20, 9, tzinfo=timezone.utc).timestamp()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", f"{NINE}\n{NINE + 60}\n"),
        ("a.csv", f"id,Timestamp\nx,{NINE}\n\ny,{NINE + 60}\n"),
        ("a.csv", "\ufefftime\n2026-11-20T09:00:00Z\n2026-11-20T10:01:00+01:00\n"),
        ("a.csv", "time\n2026-11-20 10:00\n2026-11-20 10:01\n"),
        ("a.jsonl", f"{NINE}\n{NINE + 60}\n"),
        ("a.jsonl", f'{{"ts": {NINE}}}\n{{"at": "2026-11-20T09:01:00Z"}}\n'),
        ("a.csv", f"{NINE + 60}\n{NINE}\n"),
        ("a.csv", f"{NINE * 1000:.0f}\n{NINE * 1000 + 60_000:.0f}\n"),
        ("a.csv", f"{NINE * 1e6:.0f}\n{NINE * 1e6 + 60e6:.0f}\n"),
        ("a.csv", "@timestamp,@message\n2026-11-20 10:01:00.000,b\n2026-11-20 10:00:00.000,a\n"),
        ("a.json", f"[{NINE},\n {NINE + 60}]"),
        ("a.json", f'[{{"timestamp": {NINE * 1000}}}, {{"timestamp": {NINE * 1000 + 60_000}}}]'),
        ("a.json", INSIGHTS),
        ("a.json", EVENTS),
        ("a.json", EXPORT),
        ("a.json", BARE),
        ("a.csv", 'time\n"2026-11-20 10:00:00,000"\n2026-11-20 10:01:00.000000000\n'),
        ("a.csv", "time\n2026-11-20T09:00:00.0Z\n2026-11-20T10:01:00+0100\n"),
        ("a.csv", "time\n2026/11/20 10:00:00\n2026-11-20 09:01:00 UTC\n"),
        ("a.csv", f'@message,@timestamp\n"{"m" * 200_000}",{NINE}\n"two\nlines",{NINE + 60}\n'),
        ("a.jsonl", f'{{"ts": {NINE}, "text": "a\u2028b"}}\n{{"ts": {NINE + 60}}}\n'),
        ("a.jsonl", f'{{"date": "2026-11-20", "Time": {NINE}}}\r\n{NINE + 60}\r\n'),
        ("a.csv", f"date,time\n2026-11-20,{NINE}\n2026-11-20,{NINE + 60}\n"),
        ("a.csv", "id;time\nx;2026-11-20 10:00\ny;2026-11-20 10:01\n"),
        ("a.tsv", "id\ttime\nx\t2026-11-20 10:00\ny\t2026-11-20 10:01\n"),
        ("a.log", '"2026-11-20T09:00:00Z"\n"2026-11-20T09:01:00Z"\n'),
    ],
)
def test_a_file_names_times_in_many_ways(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    traffic = read(tmp_path / name, "Europe/Paris")
    assert traffic.arrivals == (NINE, NINE + 60)
    assert traffic.days == 1


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.csv", "", "has no arrivals"),
        ("a.csv", "time\n", "has no arrivals"),
        (
            "a.csv",
            "0\n1732000000000\n",
            "spans 20,046 days, more than 731: do all have the same unit",
        ),
        ("a.csv", "time\n-5\n", ":2: '-5' is not a time"),
        ("a.csv", "1\nsoon\n", ":2: 'soon' is not a time"),
        ("a.csv", "nan\n", ":1: 'nan' is not a time"),
        ("a.csv", "inf\n", ":1: 'inf' is not a time"),
        ("a.csv", "id,time\nx\n", ":2: '' is not a time"),
        ("a.jsonl", "5\n{\n", ":2: is not JSON"),
        ("a.jsonl", '{"when": 5}\n', ":1: the object has none of the keys time"),
        ("a.csv", "date,time\n2026-11-20,09:00:00\n", ":2: '09:00:00' is not a time"),
        ("a.jsonl", "true\n", ":1: True is not a time"),
        ("a.csv", "bin(1m),count(*)\n2026-11-20 09:00,x\n", ":2: 'x' is not a number of requests"),
        (
            "a.csv",
            "bin(1m),count(*)\n2026-11-20 09:00,-1\n",
            ":2: '-1' is not a number of requests",
        ),
        ("a.csv", "bin(1m),count(*)\n2026-11-20 09:00,0\n", "has no arrivals"),
        ("a.jsonl", "[1, [2]]\n", ":2: \\[2\\] is not a time"),
        (
            "a.json",
            '{"results": [[{"field": "@message", "value": "x"}]]}',
            ":1: the object has none",
        ),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        read(tmp_path / name)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("a.csv", "bin(1m),count(*)\n2026-11-20 09:01:00.000,3\n2026-11-20 09:00:00.000,1\n"),
        ("a.csv", "bin(5m),count\n2026-11-20 09:01:00,3\n2026-11-20 09:00,1\n2026-11-20,0\n"),
        (
            "a.json",
            """{"results": [[{"field": "bin(1m)", "value": "2026-11-20 09:01:00.000"},
                {"field": "count(*)", "value": "3"}],
                [{"field": "bin(1m)", "value": "2026-11-20 09:00:00.000"},
                {"field": "count(*)", "value": "1"}]]}""",
        ),
    ],
)
def test_counts_by_minute_are_requests(tmp_path: Path, name: str, text: str) -> None:
    """Of each minute the first is an arrival, and the others are counted; none is none."""
    (tmp_path / name).write_text(text)
    traffic = read(tmp_path / name)
    assert (traffic.arrivals, traffic.folded, traffic.requests) == ((NINE, NINE + 60), 2, 4)


def test_another_field_called_count_counts_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"ts": {NINE}, "count": 7}}\n')
    assert read(tmp_path / "a.jsonl").requests == 1


def test_a_file_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"missing\.csv: cannot be read"):
        read(tmp_path / "missing.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match=r"binary\.csv: cannot be read as text"):
        read(tmp_path / "binary.csv")


def test_a_file_without_an_end_is_refused() -> None:
    with pytest.raises(UsageError, match=r"^/dev/zero: is longer than 64 MiB: give part"):
        read(Path("/dev/zero"))


def test_an_unknown_time_zone_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("2026-11-20 10:00\n")
    with pytest.raises(SettingsError, match="Europe/Pariss"):
        read(tmp_path / "a.csv", "Europe/Pariss")


def test_random_traffic_keeps_to_its_rate_and_hours() -> None:
    policy = Policy.of({"hours": "08-20", "weekdays": "mon-fri", "timezone": "Europe/Paris"})
    assert policy.hours is not None
    traffic = poisson(6, policy.hours)
    assert traffic == poisson(6, policy.hours)
    assert all(policy.hours.closes(at) for at in traffic.arrivals)
    assert len(traffic.arrivals) == pytest.approx(6 * 12 * 20, rel=0.1)
    assert 25 < traffic.days <= 28


@pytest.mark.parametrize("rate", [0, -1, 1e9, float("nan"), float("inf")])
def test_a_rate_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(UsageError, match="write requests per hour"):
        poisson(rate)


def test_a_rate_without_a_request_is_refused() -> None:
    with pytest.raises(UsageError, match="not one request in 28 days"):
        poisson(1e-9)


@pytest.fixture
def cloudwatch(monkeypatch: pytest.MonkeyPatch):  # noqa: ANN201 - a client that moto stands behind
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    with mock_aws():
        yield boto3.client("cloudwatch")


def test_invocations_become_minutes_and_the_others_are_counted(cloudwatch) -> None:  # noqa: ANN001
    now = datetime.now(timezone.utc).replace(second=0, microsecond=0)
    minutes = [now - timedelta(hours=30), now - timedelta(hours=3)]
    cloudwatch.put_metric_data(
        Namespace="AWS/Lambda",
        MetricData=[
            {
                "MetricName": "Invocations",
                "Dimensions": [{"Name": "FunctionName", "Value": "agent"}],
                "Timestamp": at,
                "Value": 4.0,
            }
            for at in minutes
        ],
    )
    traffic = invocations("agent")
    assert traffic.arrivals == tuple(at.timestamp() for at in minutes)
    assert (traffic.folded, traffic.requests) == (6, 8)


def test_a_function_that_was_never_invoked_is_named(cloudwatch) -> None:  # noqa: ANN001
    with pytest.raises(UsageError, match="agnet: no invocations"):
        invocations("agnet", cloudwatch)


def test_no_credentials_is_a_failure_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent")
    with pytest.raises(PrefixwarmError, match="CloudWatch cannot be asked about agent"):
        invocations("agent")


def test_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    """For pipes from other tools."""
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"5\n4\n")))
    assert read(Path("-")).arrivals == (4.0, 5.0)
