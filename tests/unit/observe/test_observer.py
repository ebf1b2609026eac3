"""What an observer reports, and what it never does."""

from __future__ import annotations

import json
from dataclasses import replace
from threading import Event
from typing import Any

import pytest

from prefixwarm.errors import StateError
from prefixwarm.observe import Observer
from prefixwarm.observe.background import Background
from prefixwarm.observe.observation import HIT_RATE, Observation, line
from prefixwarm.observe.usage_only import UsageWatch
from prefixwarm.prefix.prefix_file import write
from prefixwarm.settings import Settings
from prefixwarm.state.model import entry_key
from prefixwarm.state.outcome import Usage
from prefixwarm.wire.deadline import Deadline
from tests.helpers.waiting import PATIENCE

READ = {"input_tokens": 5, "cache_read_input_tokens": 1900, "output_tokens": 7}
WRITTEN = {
    "input_tokens": 5,
    "cache_creation_input_tokens": 1900,
    "cache_creation": {"ephemeral_1h_input_tokens": 1900},
}


def observe(watched: Any, request: Any, usage: Any, started: float = 1000.0) -> None:
    sent = watched.observer.begin(request, {}, started)
    watched.observer.end(sent, usage)


def state_of(watched: Any, prefix: Any) -> Any:
    assert watched.observer.flush(30)
    print_ = prefix.fingerprint["prefix"]
    key = entry_key("anthropic", "", "default", prefix.name, prefix.model, print_)
    return watched.state.read(key, Deadline.after(60))


def test_hit_miss_and_drift(watched: Any, make_body: Any) -> None:
    """One line each; drift alone is trouble, and so a metric."""
    observe(watched, make_body(), READ)
    observe(watched, make_body(), WRITTEN)
    observe(watched, make_body(system="You were"), READ)
    assert watched.results == ["hit", "miss", "drift"]
    names = ("AgentHit", "AgentMiss", "AgentDrift", "AgentReadTokens", "AgentWriteTokens")
    lines = [line for line in watched.lines if "result" in line]
    assert [tuple(line.get(name, 0) for name in names) for line in lines] == [
        (1, 0, 0, 1900, 0),
        (0, 1, 0, 0, 1900),
        (0, 0, 1, 1900, 0),
    ]
    assert ["_aws" in line for line in lines] == [False, False, True]
    (declared,) = lines[2]["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in declared["Metrics"]} == {"AgentDrift", "WarmTrouble"}
    assert declared["Namespace"] == "prefixwarm"
    assert lines[2]["WarmTrouble"] == 3
    assert [line["prefix"] for line in lines] == ["support"] * 3


@pytest.mark.parametrize("bad", [-1, 10**12, "1900", 1.5, True, float("nan"), [1900]])
def test_an_absurd_usage_is_unknown(watched: Any, prefix: Any, make_body: Any, bad: Any) -> None:
    """Neither a hit nor a miss, in the log and in the state; the next request counts."""
    observe(watched, make_body(), {"input_tokens": 5, "cache_read_input_tokens": bad})
    observe(watched, make_body(), {"cache_read_input_tokens": 1900})
    observe(watched, make_body(), READ)
    assert watched.results == ["unknown", "unknown", "hit"]
    assert state_of(watched, prefix).observed.requests == 1


def test_an_absurd_usage_of_a_framework_is_unknown(watched: Any, prefix: Any) -> None:
    """As that of an SDK is; a reply without a usage, as streams may have it, is none."""
    watch = UsageWatch("langchain", prefix.name, watched.observer)
    for usage in (None, {}, {"input_tokens": -5, "cache_read_input_tokens": 1900}, READ):
        watch.report(prefix.model, usage, 1000.0)
    assert watched.results == ["unknown", "hit"]
    assert state_of(watched, prefix).observed.requests == 1


def test_all_are_metrics_where_the_settings_say_so(
    watched: Any, make_body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With their zeros, so that a graph has no holes."""
    monkeypatch.setenv("PREFIXWARM_METRICS", "full")
    settings = Settings.from_environment()
    seen = Observation("support", None, Usage(read=1900), 0.0)
    document = json.loads(line(seen, settings, now=1.0))
    (declared,) = document["_aws"]["CloudWatchMetrics"]
    names = {metric["Name"] for metric in declared["Metrics"]}
    assert names >= {"AgentHit", "AgentMiss", "AgentDrift", "AgentOther", "AgentReadTokens"}
    assert (document["AgentHit"], document["AgentMiss"]) == (1, 0)
    assert "WarmTrouble" not in document


def test_the_hit_rates_metrics_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """With their zeros, and trouble as ever; the rate itself stands in every line."""
    monkeypatch.setenv("PREFIXWARM_METRICS", "hit-rate")
    settings = Settings.from_environment()
    seen = Observation("support", None, Usage(read=1800, input=200), 0.0, missed_usd=0.0)
    document = json.loads(line(seen, settings, now=1.0))
    (declared,) = document["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in declared["Metrics"]} == set(HIT_RATE)
    assert (document["AgentWriteTokens"], document["hit_rate"]) == (0, 0.9)
    drifted = json.loads(line(replace(seen, drift="system"), settings, now=1.0))
    (declared,) = drifted["_aws"]["CloudWatchMetrics"]
    assert {metric["Name"] for metric in declared["Metrics"]} > {"AgentDrift", *HIT_RATE}


def test_drift_is_named_once_with_tier_and_block(watched: Any, make_body: Any) -> None:
    """Within one request; the text itself stays out of the log."""
    for _ in range(3):
        observe(watched, make_body(system="You are a healer. " * 400), READ)
    assert watched.drifts == [("system", "system[0].text:12", "text")]
    assert "healer" not in json.dumps(watched.lines)


def test_traffic_keeps_the_state_warm(watched: Any, prefix: Any, make_body: Any) -> None:
    """From the start of the request, for the TTL that was granted."""
    observe(watched, make_body(), WRITTEN, started=1000.0)
    state = state_of(watched, prefix)
    assert (state.life.warm_until, state.traffic.at) == (4600.0, 1000.0)


def test_five_granted_minutes_are_five_minutes(watched: Any, prefix: Any, make_body: Any) -> None:
    """Whatever the prefix asks for."""
    written = {"input_tokens": 5, "cache_creation_input_tokens": 1900}
    observe(watched, make_body(), written, started=1000.0)
    assert state_of(watched, prefix).life.warm_until == 1300.0


@pytest.mark.parametrize(("granted", "lives"), [(300, 2300.0), (3600, 5600.0)])
def test_a_read_keeps_the_ttl_that_was_granted(
    watched: Any, prefix: Any, make_body: Any, granted: int, lives: float
) -> None:
    """Even when the request itself wrote an hour of conversation behind the prefix."""
    key = state_of(watched, prefix).key
    watched.state.record_use(key, 500.0, granted, Deadline.after(60))
    both = {**READ, "cache_creation_input_tokens": 90}
    split = {"ephemeral_1h_input_tokens": 90 if granted == 300 else 0}
    observe(watched, make_body(), {**both, "cache_creation": split}, started=2000.0)
    assert state_of(watched, prefix).life.warm_until == lives


def test_of_two_ttls_written_the_short_one_counts(
    watched: Any, prefix: Any, make_body: Any
) -> None:
    """Which of them the prefix got is not told."""
    split = {"ephemeral_1h_input_tokens": 1900}
    usage = {"input_tokens": 5, "cache_creation_input_tokens": 1990, "cache_creation": split}
    observe(watched, make_body(), usage, started=1000.0)
    assert state_of(watched, prefix).life.warm_until == 1300.0


def test_drift_is_traffic_but_warms_nothing(watched: Any, prefix: Any, make_body: Any) -> None:
    """The entry was not used."""
    observe(watched, make_body(system="You were"), READ, started=1000.0)
    state = state_of(watched, prefix)
    assert (state.life.warm_until, state.traffic.at) == (None, 1000.0)


def test_the_state_knows_what_drifted(watched: Any, prefix: Any, make_body: Any) -> None:
    """At once, even right after a hit; then at most once a minute."""
    observe(watched, make_body(), READ, started=1000.0)
    for at in (1001.0, 1002.0):
        observe(watched, make_body(system="You are a healer. " * 400), READ, started=at)
    state = state_of(watched, prefix)
    assert (state.traffic.drift_at, state.traffic.drift_tier) == (1001.0, "system")
    assert (state.traffic.drift_place, state.traffic.matched_at) == ("system[0].text:12", 1000.0)


def test_a_hit_outdates_a_drift(watched: Any, prefix: Any, make_body: Any) -> None:
    """The agent was repaired, or another one sends what is warmed."""
    observe(watched, make_body(tools=[]), READ, started=1000.0)
    observe(watched, make_body(), READ, started=1001.0)
    state = state_of(watched, prefix)
    assert (state.traffic.drift_at, state.traffic.drift_tier, state.traffic.matched_at) == (
        1000.0,
        "tools",
        1001.0,
    )


def test_the_state_is_told_once_a_minute(watched: Any, prefix: Any, make_body: Any) -> None:
    """A busy agent does not write at every request."""
    for started in (1000.0, 1001.0):
        observe(watched, make_body(), READ, started=started)
    assert state_of(watched, prefix).traffic.at == 1000.0


def test_an_unreachable_state_changes_nothing(
    make_watched: Any, prefix: Any, make_body: Any
) -> None:
    """The line is written all the same."""

    class Away:
        def read(self, *_arguments: Any) -> None:
            raise StateError("away")

    watched = make_watched(prefix, state=Away())
    observe(watched, make_body(), READ)
    assert watched.results == ["hit"]


def test_a_report_that_takes_long_is_not_waited_for(watched: Any, make_body: Any) -> None:
    """The answer is handed over; the report goes on behind it, and is made."""
    going_on, reading = Event(), watched.state.read

    def slow(*arguments: Any) -> Any:
        assert going_on.wait(PATIENCE)
        return reading(*arguments)

    watched.state.read = slow
    done = watched.observer.end(watched.observer.begin(make_body(), {}), READ)
    watched.observer.wait_until_reported(done)
    assert not done.is_set()
    going_on.set()
    assert done.wait(PATIENCE)


@pytest.mark.parametrize("request_", [None, 5, {}, {"model": "x"}, {"tools": [object()]}])
def test_what_is_no_request_is_left_alone(watched: Any, request_: Any) -> None:
    """Nothing is raised, nothing is reported."""
    assert watched.observer.begin(request_, {}) is None
    assert watched.results == []


def test_the_installed_prefix_files(
    tmp_path: Any, prefix: Any, make_body: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """From the folder that the settings name; a broken one is told and left out."""
    write(prefix, tmp_path)
    (tmp_path / "broken.prefix.json").write_text("{")
    monkeypatch.setenv("PREFIXWARM_PREFIXES", str(tmp_path))
    monkeypatch.setenv("PREFIXWARM_DEPLOYMENT", "Shop")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "agent")
    observer = Observer()
    sent = observer.begin(make_body(), {})
    assert sent is not None
    observer.end(sent, READ)
    out, err = capsys.readouterr()
    assert json.loads(out)["service"] == "Shop"
    assert "broken.prefix.json: is not JSON" in err


def test_outside_lambda_nothing_is_printed(
    prefix: Any,
    make_body: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The logger has the same facts without metrics, and what is wrong."""
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_NAME", raising=False)
    monkeypatch.setenv("PREFIXWARM_METRICS", "full")
    caplog.set_level("INFO", "prefixwarm")
    observer = Observer([prefix])
    sent = observer.begin(make_body(), {})
    assert sent is not None
    observer.end(sent, READ)
    monkeypatch.setenv("PREFIXWARM_INIT", "later")
    Observer([prefix])
    assert capsys.readouterr() == ("", "")
    seen, wrong = caplog.records
    assert json.loads(seen.getMessage())["result"] == "hit"
    assert "_aws" not in seen.getMessage()
    assert "PREFIXWARM_INIT='later'" in wrong.getMessage()


def test_disabled(
    tmp_path: Any, prefix: Any, make_body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The switch stops observing too."""
    write(prefix, tmp_path)
    monkeypatch.setenv("PREFIXWARM_PREFIXES", str(tmp_path))
    monkeypatch.setenv("PREFIXWARM_DISABLED", "1")
    assert Observer().begin(make_body(), {}) is None


def test_a_wrong_setting_disables(
    make_body: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """It is told once, and the agent starts."""
    monkeypatch.setenv("PREFIXWARM_INIT", "later")
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "agent")
    assert Observer().begin(make_body(), {}) is None
    assert "PREFIXWARM_INIT='later'" in capsys.readouterr().err


def test_background_jobs_run_in_order_and_may_fail() -> None:
    """A job that raises does not stop the next."""
    background, done = Background(), []
    background.do(lambda: done.append(1))
    background.do(lambda: done.append(1 // 0))
    background.do(lambda: done.append(2))
    assert background.flush(30)
    assert done == [1, 2]


def test_the_state_names_the_functions_whose_requests_used_the_entry(
    watched: Any, prefix: Any, make_body: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For starts of a function with several prefixes; a drift is no use."""
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "agent")
    observe(watched, make_body(tools=[]), READ, started=1000.0)
    assert state_of(watched, prefix).traffic.used_by == ()
    observe(watched, make_body(), READ, started=1100.0)
    assert state_of(watched, prefix).traffic.used_by == ("agent",)
