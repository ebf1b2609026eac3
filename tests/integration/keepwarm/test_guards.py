"""What stops the keep-warm function from spending, and what does not stop it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.errors import SettingsError, StateError
from prefixwarm.keepwarm.route_breaker import route_key
from prefixwarm.prefix.prefix_file import dumps
from prefixwarm.wire.deadline import Deadline
from tests.helpers.gateway import gateway
from tests.integration.keepwarm.conftest import prefix_file, ticked

if TYPE_CHECKING:
    from tests.integration.keepwarm.conftest import World

MINUTE = 60.0
HOUR = 3600.0


def soon() -> Deadline:
    """A tick's time."""
    return Deadline.after(50)


def test_nothing_is_sent_without_the_table(world: World) -> None:
    """And the report says why."""
    world.deploy("support")
    with pytest.raises(StateError, match="ResourceNotFoundException"):
        ticked(world.new_runtime(PREFIXWARM_TABLE="missing"))
    assert not world.sim.requests()


def test_nothing_is_sent_without_the_key(world: World) -> None:
    """One prefix finds out for the whole route."""
    world.deploy("support", "sales", "returns")
    arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:missing"
    runtime = world.new_runtime(ANTHROPIC_API_KEY="", PREFIXWARM_API_KEY_SECRET=arn)
    report = ticked(runtime)
    assert [outcome.kind for outcome in report.outcomes] == ["failed"]
    assert "ResourceNotFoundException" in report.paused["anthropic"]
    assert not world.sim.requests()


def test_with_the_provider_down_one_call_fails_instead_of_all(world: World) -> None:
    """The others are neither tried nor put off."""
    world.deploy("support", "sales", "returns")
    report = ticked(world.new_runtime(ANTHROPIC_BASE_URL="http://127.0.0.1:9"))
    assert [outcome.kind for outcome in report.outcomes] == ["failed"]
    assert "127.0.0.1:9" in report.paused["anthropic"]
    world.sim.advance(MINUTE)
    kinds = [outcome.kind for outcome in world.tick().outcomes]
    assert kinds == ["written", "written", "written"]


@pytest.mark.parametrize(
    ("attribute", "value"),
    [
        ("warm_until", {"S": "soon"}),
        ("granted_ttl", {"N": "77"}),
        ("functions", {"S": "agent"}),
        ("version", {"BOOL": True}),
        ("write_ms", {"N": "1e30"}),
    ],
)
def test_a_bad_state_stops_no_other(world: World, attribute: str, value: dict[str, Any]) -> None:
    """It is set aside with a reason and counted; the others are warmed."""
    world.deploy("support", "sales", "returns")
    world.tick()
    table = {"TableName": world.environ["PREFIXWARM_TABLE"]}
    world.aws.client("dynamodb").update_item(
        **table,
        Key={"pk": {"S": world.key("sales")}},
        UpdateExpression="SET #a = :v, due_at = :due",
        ExpressionAttributeNames={"#a": attribute},
        ExpressionAttributeValues={":v": value, ":due": {"N": "0"}},
    )
    world.sim.advance(HOUR - 2 * MINUTE)
    reports = [world.tick(), world.tick()]
    assert [outcome.kind for outcome in reports[0].outcomes] == ["refreshed", "refreshed"]
    assert [report.unreadable for report in reports] == [1, 0]
    assert reports[0].metrics()["WarmFailed"] == (1.0, "Count")
    item = world.aws.client("dynamodb").get_item(**table, Key={"pk": {"S": world.key("sales")}})
    assert attribute in item["Item"]["reason"]["S"]


def test_a_broken_prefix_file_stops_no_other(world: World) -> None:
    """The failure is counted at every tick; the file, the field and what to do are logged."""
    good = [world.upload(name, dumps(prefix_file(name))) for name in ("support", "sales")]
    broken = dumps(prefix_file("returns")).replace('"max_tokens": 0', '"max_tokens": 5')
    world.deploy_entries([*good, world.upload("returns", broken)])
    report = world.tick()
    assert [outcome.kind for outcome in report.outcomes] == ["written", "written"]
    assert report.metrics()["WarmFailed"] == (1.0, "Count")
    error = world.runtime._catalog.broken["returns"]  # type: ignore[union-attr]
    assert str(error).startswith("s3://assets/returns.json: request.max_tokens: 5")
    assert world.tick().broken == 1


def test_a_broken_file_whose_key_the_manifest_tells_is_put_off(world: World) -> None:
    """And `explain` can say why it is cold."""
    prefix = prefix_file("support")
    fields = {"route": prefix.route, "model": prefix.model}
    fields["fingerprint"] = prefix.fingerprint["prefix"]
    world.deploy_entries([world.upload("support", "{", **fields)])
    assert world.tick().broken == 1
    state = world.state("support")
    assert "support.json: is not JSON" in state.last_decision.reason
    assert (state.last_decision.due_at or 0) > world.sim.now()


def test_two_ticks_at_once_send_one_call(world: World) -> None:
    """A duplicate delivery finds the lease taken, or the entry warm."""
    names = [f"agent-{i}" for i in range(8)]
    world.deploy(*names)
    runtimes = [world.new_runtime(), world.new_runtime()]
    with ThreadPoolExecutor(2) as pool:
        reports = list(pool.map(lambda runtime: ticked(runtime), runtimes))
    kinds = [outcome.kind for report in reports for outcome in report.outcomes]
    assert kinds.count("written") == 8
    assert len(world.warm_calls()) == 8


def test_a_downgrade_is_noticed(world: World) -> None:
    """The granted five minutes count, not the hour that was asked for."""
    world.sim.switch(downgrade_1h=True)
    world.deploy("support")
    (written,) = world.tick().outcomes
    assert written.downgraded
    assert world.state("support").life.granted_ttl == 300
    (refresh,) = [o for report in world.passes(5 * MINUTE) for o in report.outcomes]
    assert refresh.kind == "refreshed"


def test_one_token_is_asked_where_none_is_refused(world: World) -> None:
    """And remembered: the next refresh asks for one at once."""
    world.sim.switch(refuse_zero=True)
    world.deploy("support")
    world.tick()
    world.passes(HOUR)
    asked = [request["body"]["max_tokens"] for request in world.sim.requests()]
    assert asked == [0, 1, 1]


def test_retry_after_pauses_the_route(world: World) -> None:
    """For this tick and the following ones, in every environment."""
    world.deploy("support", "sales", "returns")
    world.sim.inject(status=429, retry_after=150, count=1)
    assert [outcome.kind for outcome in world.tick().outcomes] == ["failed"]
    world.sim.advance(MINUTE)
    report = ticked(world.new_runtime())
    assert "429" in report.paused["anthropic"]
    assert not report.outcomes
    reports = world.passes(3 * MINUTE)
    assert sum(len(report.outcomes) for report in reports) == 3
    assert len(world.sim.requests()) == 4


def test_a_pause_is_kept_when_the_call_lasted_until_the_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No time of the tick is left then, which is no failure of the table."""
    world.deploy("support")
    deadline = soon()
    provider = world.runtime.dependencies.provider
    send = provider.send

    def late(*arguments: Any) -> Any:
        try:
            return send(*arguments)
        finally:
            deadline.at = 0.0

    monkeypatch.setattr(provider, "send", late)
    world.sim.inject(status=429, retry_after=150, count=1)
    report = ticked(world.runtime, deadline)
    assert deadline.expired
    assert [outcome.kind for outcome in report.outcomes] == ["failed"]
    pause = world.runtime.dependencies.store.read(route_key("anthropic", "", "default"), soon())
    assert "429" in pause.last_decision.reason


def test_a_spend_limit_pauses_the_route_for_an_hour(world: World) -> None:
    """It has no retry-after; the prefixes' states say what happened."""
    world.deploy("support", "sales")
    world.sim.inject(status=429, error_code="enforced_spend_limit_reached")
    world.tick()
    world.passes(5 * MINUTE)
    assert len(world.sim.requests()) == 1
    pause = world.runtime.dependencies.store.read(route_key("anthropic", "", "default"), soon())
    assert (pause.backoff.until or 0) - world.sim.now() > 50 * MINUTE
    assert "enforced_spend_limit_reached" in pause.last_decision.reason
    assert "enforced_spend_limit_reached" in world.state("sales").last_decision.reason


@pytest.mark.parametrize("name", ["PREFIXWARM_DISABLED", "parameter"])
def test_switched_off_sends_nothing(world: World, name: str) -> None:
    """By the environment, or by the parameter without a deployment."""
    world.deploy("support")
    world.aws.client("ssm").put_parameter(Name="/stop", Value="true", Type="String")
    off = {"PREFIXWARM_DISABLED": "1"} if name != "parameter" else {}
    runtime = world.new_runtime(PREFIXWARM_KILL_SWITCH="/stop" if not off else "", **off)
    assert ("/stop" if not off else name) in ticked(runtime).stopped
    assert not world.sim.requests()


def test_a_kill_switch_that_is_off_or_absent_stops_nothing(world: World) -> None:
    """The parameter need not exist."""
    world.deploy("support")
    assert not ticked(world.new_runtime(PREFIXWARM_KILL_SWITCH="/absent")).stopped
    world.aws.client("ssm").put_parameter(Name="/stop", Value="off", Type="String")
    assert not ticked(world.new_runtime(PREFIXWARM_KILL_SWITCH="/stop")).stopped


def test_a_kill_switch_that_is_not_understood_stops(world: World) -> None:
    """Whoever wrote the word may have meant stop."""
    world.deploy("support")
    world.aws.client("ssm").put_parameter(Name="/stop", Value="halt", Type="String")
    runtime = world.new_runtime(PREFIXWARM_KILL_SWITCH="/stop")
    with pytest.raises(SettingsError, match="PREFIXWARM_KILL_SWITCH /stop='halt'"):
        ticked(runtime)
    assert not world.sim.requests()


def test_the_budget_of_the_day_is_kept(long_lived: World) -> None:
    """Within one tick too; the next day starts anew."""
    long_lived.deploy("support", "sales", "returns", budget_usd_per_day=0.025)
    first = long_lived.tick()
    assert [outcome.kind for outcome in first.outcomes] == ["written", "written"]
    assert first.budget_reached == 1
    long_lived.passes(24 * HOUR, 2 * MINUTE)
    spent = sum(float(request["cost_usd"]) for request in long_lived.warm_calls())
    assert 0.02 < spent <= 2 * 0.025


def test_what_the_rate_puts_off_takes_nothing_of_the_budget(world: World) -> None:
    """One write a minute: the others stay due, and nobody is told of a budget."""
    world.deploy("support", "sales", "returns", budget_usd_per_day=0.025, calls_per_minute=1)
    world.tick()
    world.sim.advance(5 * MINUTE)
    second = world.tick()
    assert [outcome.kind for outcome in second.outcomes] == ["written"]
    assert second.due > 1
    assert second.budget_reached == 0


def test_one_prefix_may_have_a_budget_of_its_own(world: World) -> None:
    """The others go on."""
    own = world.upload("support", dumps(prefix_file("support")), budget_usd_per_day=0.001)
    world.deploy_entries([own, world.upload("sales", dumps(prefix_file("sales")))])
    report = world.tick()
    assert [outcome.name for outcome in report.outcomes] == ["sales"]
    assert "budget" in world.state("support").last_decision.reason


def test_an_unknown_price_and_a_budget_send_nothing(world: World) -> None:
    """Unknown is not zero dollars."""
    unpriced = world.upload("support", dumps(prefix_file("support", None)))
    world.deploy_entries([unpriced], budget_usd_per_day=1)
    assert world.tick().budget_reached == 1
    assert "price is unknown" in world.state("support").last_decision.reason
    assert not world.sim.requests()


def test_a_budget_of_zero_sends_nothing(world: World) -> None:
    """It says why, and takes no other word for it."""
    world.deploy("support", budget_usd_per_day=0)
    assert world.tick().budget_reached == 1
    assert world.state("support").last_decision.reason.startswith("the budget is used up")
    assert not world.sim.requests()


def test_refreshes_that_write_trip_the_breaker(world: World) -> None:
    """The second in a row; one more is tried a day later."""
    world.deploy("support")
    world.tick()
    for _ in range(2):
        world.sim.reset()
        (report,) = [report for report in world.passes(HOUR) if report.outcomes]
        assert [outcome.kind for outcome in report.outcomes] == ["written"]
        assert report.metrics()["WarmRewrote"] == (1.0, "Count")
    world.sim.reset()
    assert not any(report.outcomes for report in world.passes(5 * HOUR, 2 * MINUTE))
    why = world.state("support").last_decision.reason
    assert why.startswith("circuit breaker: 2 refreshes in a row wrote instead of reading (likely")
    assert "another workspace's key" in why


def test_a_read_ends_the_row_of_rewrites(world: World) -> None:
    """One eviction now and then is no reason to stop."""
    world.deploy("support")
    world.tick()
    world.sim.reset()
    world.passes(HOUR)
    assert world.state("support").backoff.rewrites == 1
    world.passes(HOUR)
    assert world.state("support").backoff.rewrites == 0


def test_an_uncached_prefix_is_left_alone_for_an_hour(world: World) -> None:
    """Nothing was cached: never a success, never a ledger of refreshes."""
    world.sim.switch(ignore_markers=True)
    world.deploy("support")
    (outcome,) = world.tick().outcomes
    assert outcome.kind == "uncached"
    assert not any(report.outcomes for report in world.passes(55 * MINUTE))
    assert "nothing was cached" in world.state("support").last_decision.reason


def test_without_cloudwatch_it_goes_on_and_says_so(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Silences may look longer than they are: fewer refreshes, never more."""
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", "http://127.0.0.1:9")
    world.deploy("support")
    assert not world.tick().traffic_unavailable
    (report,) = [report for report in world.passes(HOUR) if report.outcomes]
    assert report.traffic_unavailable
    assert [outcome.kind for outcome in report.outcomes] == ["refreshed"]


def test_an_unreadable_manifest_sends_nothing(world: World) -> None:
    """The message says which object."""
    with pytest.raises(SettingsError, match=r"manifest s3://assets/manifest.json: cannot be read"):
        world.tick()


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": -1},
        {"input_tokens": True},
        {"input_tokens": float("nan")},
        {"input_tokens": 5, "cache_read_input_tokens": 10**8},
        {"input_tokens": 5, "cache_creation_input_tokens": 10**400},
        {"input_tokens": 5, "cache_creation_input_tokens": "2700"},
        {"input_tokens": 5, "output_tokens": 1.5},
        {"input_tokens": None, "cache_read_input_tokens": 2700},
        {"prompt_tokens": 2700, "total_tokens": 2700},
        {},
    ],
    ids=lambda usage: str(usage)[:60],
)
def test_an_absurd_usage_stops_its_prefix_alone(world: World, usage: dict[str, Any]) -> None:
    """What it cost is unknown, not nothing; the neighbours are warmed within the budget."""
    names = ("rogue", "sales", "returns")
    world.deploy(*names, budget_usd_per_day=0.1)
    fine = {"input_tokens": 5, "cache_creation": {"ephemeral_1h_input_tokens": 2700}}
    with gateway(lambda text: usage if "You are rogue" in text else fine) as url:
        runtime = world.new_runtime(ANTHROPIC_BASE_URL=url)
        kinds: dict[str, str] = {}
        for _ in range(5):
            kinds |= {outcome.name: outcome.kind for outcome in ticked(runtime).outcomes}
            world.sim.advance(MINUTE)
    assert kinds == {"rogue": "failed", "sales": "written", "returns": "written"}
    rogue, sales = world.state("rogue"), world.state("sales")
    assert (rogue.money.calls, rogue.money.unpriced, rogue.money.spent_usd) == (1, 1, 0.0)
    assert (sales.money.calls, sales.money.unpriced) == (1, 0)
    assert rogue.backoff.until is not None
    assert rogue.backoff.until - world.sim.now() > 23 * HOUR
