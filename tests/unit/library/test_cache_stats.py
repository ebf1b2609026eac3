"""Hit rates by tokens, prefix, model, version and window; warm calls beside; thresholds."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm import CacheStats, Prefix, WarmResult
from prefixwarm.errors import UsageError
from prefixwarm.library.token_sums import MOST_GROUPS, OTHER
from prefixwarm.prices import cost
from prefixwarm.state.outcome import Outcome, Usage

if TYPE_CHECKING:
    from prefixwarm.library.hit_alert import LowHits

MODEL = "claude-sonnet-5-5"


class Time:
    def __init__(self) -> None:
        self.now = 1_780_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Time:
    return Time()


@pytest.fixture
def stats(clock: Time) -> CacheStats:
    return CacheStats(clock=clock, opentelemetry=False)


def claude(read: int = 0, written: int = 0, paid: int = 0, hour: int = 0) -> dict[str, Any]:
    return {
        "input_tokens": paid,
        "output_tokens": 10,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written + hour,
        "cache_creation": {"ephemeral_1h_input_tokens": hour, "ephemeral_5m_input_tokens": written},
    }


def test_rates_are_weighted_by_tokens(stats: CacheStats) -> None:
    """One long miss outweighs nine short hits."""
    for _ in range(9):
        stats.record(claude(read=1000), prefix="a", model=MODEL)
    stats.record(claude(written=81_000), prefix="a", model=MODEL)
    summary = stats.summary()
    assert (summary.hit_rate, summary.request_hit_rate) == (0.1, 0.9)
    assert stats.hit_rate() == 0.1


def test_nothing_recorded_is_no_rate(stats: CacheStats) -> None:
    summary = stats.summary()
    assert (summary.hit_rate, summary.request_hit_rate, summary.reads_per_warm_write) == (None,) * 3
    assert (summary.cost_usd, stats.advice(), stats.by("prefix")) == (0.0, [], {})


def test_by_prefix_model_and_version(stats: CacheStats) -> None:
    prefix = Prefix("support", model=MODEL, system="Be kind.")
    stats.record(claude(read=900, paid=100), prefix=prefix, model=MODEL, version="1")
    stats.record(claude(written=1000), prefix=prefix, model="claude-opus-5-5", version="2")
    stats.record({"usage": claude(read=500, paid=500), "model": MODEL})
    assert stats.hit_rate(prefix="support") == 0.45
    assert stats.hit_rate(prefix="support", version="1") == 0.9
    assert stats.hit_rate(model=MODEL) == 0.7
    assert {name: one.requests for name, one in stats.by("version").items()} == {
        "": 1,
        "1": 1,
        "2": 1,
    }
    assert stats.hit_rate(prefix="another") is None


def test_a_window_of_time(stats: CacheStats, clock: Time) -> None:
    stats.record(claude(written=1000))
    clock.now += 3600
    stats.record(claude(read=1000))
    assert stats.hit_rate() == 0.5
    assert stats.hit_rate(last_seconds=600) == 1.0
    assert stats.summary(last_seconds=7200).requests == 2
    assert stats.by("model", last_seconds=600)[""].hits == 1


def test_old_minutes_are_forgotten_and_sums_stay(clock: Time) -> None:
    stats = CacheStats(clock=clock, keep_seconds=600, opentelemetry=False)
    for _ in range(100):
        stats.record(claude(read=10))
        clock.now += 60
    assert stats.summary(last_seconds=86400).requests <= 11
    assert stats.summary().requests == 100


def test_what_it_cost_and_saved(stats: CacheStats) -> None:
    """By each request's own tier of prices: Haiku 5.5 costs five times as much above 100,000."""
    replies = [claude(written=50_000), claude(read=50_000), claude(read=150_000, paid=7)]
    for reply in replies:
        stats.record(reply, model="claude-haiku-5-5")
    summary = stats.summary()
    expected = sum(cost(reply, "claude-haiku-5-5") or 0 for reply in replies)
    assert summary.cost_usd == pytest.approx(float(expected))
    assert summary.uncached_usd == pytest.approx(
        0.01 + 150_007 * 0.5e-6 + 20 * 0.5e-6 + 10 * 2.5e-6
    )
    assert summary.saved_usd == pytest.approx(summary.uncached_usd - summary.cost_usd)


def test_own_prices() -> None:
    own = CacheStats(prices={"mine": {"input": 1, "output": 0, "read": 0.5}}, opentelemetry=False)
    own.record({"prompt_tokens": 10**6, "completion_tokens": 1}, model="mine")
    assert own.summary().cost_usd == 1.0


def test_an_unknown_price_is_no_money(stats: CacheStats) -> None:
    stats.record(claude(read=10), model="claude-opus-99")
    assert (stats.summary().cost_usd, stats.summary().saved_usd) == (None, None)


@pytest.mark.parametrize("usage", [claude(read=10**12), claude(paid=-1), {}, None, "text"])
def test_absurd_usage_is_unmeasured_and_unknown(usage: Any, stats: CacheStats) -> None:
    assert stats.record(usage, model=MODEL) is None
    stats.record(claude(read=10), model=MODEL)
    summary = stats.summary()
    assert (summary.requests, summary.unmeasured, summary.cost_usd) == (1, 1, None)
    assert summary.hit_rate == 1.0


def test_warm_calls_are_counted_beside(stats: CacheStats, clock: Time) -> None:
    """What they wrote against what was read while that lived, which reads prolong."""
    outcome = Outcome(name="a", kind="written", usage=Usage(write_5m=1000))
    stats.record(outcome, prefix="a", model=MODEL, warm=True)
    for pause in (200, 200, 200, 400, 10):
        clock.now += pause
        stats.record(claude(read=1000), prefix="a", model=MODEL)
    stats.record(claude(read=1000), prefix="b", model=MODEL)
    summary = stats.summary(prefix="a")
    assert (summary.warm_calls, summary.warm_write_tokens) == (1, 1000)
    assert (summary.requests, summary.write_tokens) == (5, 0)
    assert (summary.read_after_warm_tokens, summary.reads_per_warm_write) == (3000, 3.0)
    assert summary.warm_cost_usd == pytest.approx(0.0025)


def test_what_a_warmer_returns_is_a_warm_call(stats: CacheStats, clock: Time) -> None:
    """Named by itself; one that was skipped is none."""
    warmed = {"name": "a", "model": MODEL, "started_at": clock.now}
    sent = WarmResult(**warmed, outcome="written", calls=1, cache_creation_1h_tokens=1000)
    assert stats.record(sent) == Usage(write_1h=1000)
    assert stats.record(WarmResult(**warmed, outcome="skipped")) is None
    assert stats.record(WarmResult(**warmed, outcome="failed", calls=1, cost_usd=None)) is None
    clock.now += 3000
    stats.record(claude(read=900), prefix="a", model=MODEL)
    summary = stats.summary(prefix="a", model=MODEL)
    assert (summary.warm_calls, summary.warm_write_tokens, summary.requests) == (2, 1000, 1)
    assert (summary.read_after_warm_tokens, summary.warm_cost_usd) == (900, None)


def test_an_hours_entry_lives_an_hour(stats: CacheStats, clock: Time) -> None:
    stats.record(claude(hour=1000), prefix="a", model=MODEL, warm=True)
    clock.now += 3500
    stats.record(claude(read=1000), prefix="a", model=MODEL)
    assert stats.summary().read_after_warm_tokens == 1000


def test_threads(stats: CacheStats) -> None:
    def record() -> None:
        for _ in range(200):
            stats.record(claude(read=3, paid=1), prefix="a", model=MODEL)

    threads = [threading.Thread(target=record) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    summary = stats.summary()
    assert (summary.requests, summary.read_tokens, summary.hit_rate) == (1600, 4800, 0.75)


def test_labels_without_end_cost_no_memory(stats: CacheStats) -> None:
    """What is new each time is put together."""
    for number in range(MOST_GROUPS + 50):
        stats.record(claude(read=1), prefix=f"user-{number}", model=MODEL)
    names = stats.by("prefix")
    assert len(names) == MOST_GROUPS + 1
    assert names[OTHER].requests == 50
    assert stats.summary().requests == MOST_GROUPS + 50


@pytest.mark.slow
def test_models_without_end_cost_no_memory(stats: CacheStats) -> None:
    for number in range(2 * MOST_GROUPS + 50):
        stats.record(claude(read=1), model=f"model-{number}")
    assert len(stats.by("model")) <= 2 * MOST_GROUPS + 1
    assert stats.summary().requests == 2 * MOST_GROUPS + 50


def test_a_threshold_is_said_once_and_so_is_its_end(stats: CacheStats, clock: Time) -> None:
    heard: list[LowHits] = []
    stats.on_low(heard.append, below=0.5, least_requests=5, prefix="a")
    for _ in range(4):
        stats.record(claude(written=100), prefix="a", model=MODEL)
    stats.record(claude(written=100), prefix="b", model=MODEL)
    assert heard == [], "too few requests say nothing"
    for _ in range(6):
        stats.record(claude(written=100), prefix="a", model=MODEL)
    assert [(event.low, event.hit_rate) for event in heard] == [(True, 0.0)]
    for _ in range(20):
        clock.now += 60
        stats.record(claude(read=100), prefix="a", model=MODEL)
    assert [event.low for event in heard] == [True, False]
    assert (heard[1].below, heard[1].prefix, heard[1].summary.hits > 5) == (0.5, "a", True)


def test_a_callback_that_fails_is_logged(
    stats: CacheStats, caplog: pytest.LogCaptureFixture
) -> None:
    """And the request it was called in goes on."""

    def fails(event: LowHits) -> None:
        raise RuntimeError("mine")

    stats.on_low(fails, least_requests=1)
    assert stats.record(claude(written=5)) is not None
    assert "callback" in caplog.text


def test_a_callback_may_ask_the_statistics(stats: CacheStats) -> None:
    """It is called without the lock."""
    rates: list[float | None] = []
    stats.on_low(lambda _: rates.append(stats.hit_rate()), least_requests=1)
    stats.record(claude(written=5))
    assert rates == [0.0]


def causes(stats: CacheStats, **options: Any) -> list[str]:
    return [one.cause for one in stats.advice(**options)]


def test_advice_below_the_minimum(stats: CacheStats) -> None:
    for _ in range(5):
        stats.record(claude(paid=400), prefix="a", model=MODEL)
    (advice,) = stats.advice()
    assert (advice.cause, advice.prefix, advice.model, advice.tokens) == (
        "minimum",
        "a",
        MODEL,
        2000,
    )
    assert "400 tokens" in advice.text
    assert "from 512" in advice.text


def test_advice_without_a_breakpoint(stats: CacheStats) -> None:
    for _ in range(5):
        stats.record(claude(paid=4000), model=MODEL)
    assert causes(stats) == ["no-breakpoint"]


@pytest.mark.parametrize(
    ("pause", "cause", "words"),
    [
        (1, "together", "first, then the others"),
        (60, "order", "prefixwarm diff"),
        (1200, "ttl", 'ttl "1h"'),
        (7200, "volume", "prefixwarm plan"),
        (86400, "volume", "prefixwarm plan"),
    ],
)
def test_advice_by_the_time_between(
    pause: float, cause: str, words: str, stats: CacheStats, clock: Time
) -> None:
    for _ in range(6):
        stats.record(claude(written=4000), model=MODEL)
        clock.now += pause
    (advice,) = stats.advice()
    assert advice.cause == cause
    assert words in advice.text
    assert "5 of 5 misses" in advice.text


def test_an_hours_misses_with_an_hours_entry_are_no_ttl(stats: CacheStats, clock: Time) -> None:
    for _ in range(6):
        stats.record(claude(hour=4000), model=MODEL)
        clock.now += 1200
    assert "a requested TTL of an hour" in stats.advice()[0].text


def test_advice_for_a_long_tail(stats: CacheStats) -> None:
    for _ in range(6):
        stats.record(claude(read=1000, paid=9000), model=MODEL)
    assert causes(stats) == ["tail"]


def test_advice_where_warm_calls_are_not_read(stats: CacheStats, clock: Time) -> None:
    stats.record(claude(hour=4000), model=MODEL, warm=True)
    for _ in range(6):
        stats.record(claude(written=4000), model=MODEL)
        clock.now += 60
    assert causes(stats) == ["warm-unread", "order"]


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ("gpt-4.1", "prompt_cache_key"),
        ("gemini-3.8-flash", "cached_content"),
        ("deepseek-chat", "what varies last"),
        ("some-model", "what varies last"),
        ("us.amazon.nova-pro-v1:0", "what varies last"),
    ],
)
def test_where_no_warm_call_pays_it_says_what_helps(
    model: str, words: str, stats: CacheStats, clock: Time
) -> None:
    for _ in range(6):
        stats.record({"prompt_tokens": 5000, "completion_tokens": 1}, model=model)
        clock.now += 7200
    last = stats.advice()[-1]
    assert (last.cause, words in last.text) == ("provider", True)


@pytest.mark.parametrize(
    ("model", "words"), [("gpt-6-sol", '"ttl": "12h"'), ("gpt-5.6-sol", "30 minutes")]
)
def test_where_openai_can_be_warmed(model: str, words: str, stats: CacheStats, clock: Time) -> None:
    for _ in range(6):
        stats.record({"prompt_tokens": 5000, "completion_tokens": 1}, model=model)
        clock.now += 7200
    (advice,) = stats.advice()
    assert (advice.cause, words in advice.text) == ("volume", True)


def test_a_good_rate_needs_no_advice(stats: CacheStats) -> None:
    for _ in range(6):
        stats.record(claude(read=4000, paid=10), model=MODEL)
    assert causes(stats) == []
    assert causes(stats, below=1.0) == ["tail"]


def test_opentelemetry() -> None:
    """With the SDK's own reader; attributes are few, and hold no text of a prompt."""
    sdk = pytest.importorskip("opentelemetry.sdk.metrics")
    from opentelemetry import metrics
    from opentelemetry.sdk.metrics.export import InMemoryMetricReader

    reader = InMemoryMetricReader()
    metrics.set_meter_provider(sdk.MeterProvider([reader]))
    stats = CacheStats(opentelemetry=True)
    stats.record(claude(read=900, paid=100), prefix="a", model=MODEL, version="3")
    stats.record(claude(written=1000), prefix="a", model=MODEL, warm=True)
    (scope,) = reader.get_metrics_data().resource_metrics[0].scope_metrics
    points = {
        metric.name: {
            tuple(sorted(point.attributes.items())): point.value
            for point in metric.data.data_points
        }
        for metric in scope.metrics
    }
    common = {"gen_ai.request.model": MODEL, "prefixwarm.prefix": "a"}
    real = {**common, "prefixwarm.version": "3", "prefixwarm.warm": False}
    read = tuple(sorted({**real, "gen_ai.token.type": "cache_read"}.items()))
    hit = tuple(sorted({**real, "prefixwarm.result": "hit"}.items()))
    assert points["prefixwarm.cache.tokens"][read] == 900
    assert points["prefixwarm.cache.requests"][hit] == 1


def test_opentelemetry_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """Is an error where it was asked for, and nothing where it was not."""
    monkeypatch.setitem(__import__("sys").modules, "opentelemetry.metrics", None)
    with pytest.raises(UsageError, match="pip install opentelemetry-api"):
        CacheStats(opentelemetry=True)
    assert CacheStats().record(claude(read=1)) is not None
