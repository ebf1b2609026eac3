"""The deployed entry point: what it answers, logs and counts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest

from prefixwarm.errors import PrefixwarmError, StateError
from prefixwarm.keepwarm import runtime as module
from prefixwarm.keepwarm.handler import handler
from tests.integration.keepwarm.conftest import ticked

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.integration.keepwarm.conftest import World


TICK = {"source": "aws.scheduler", "detail-type": "Scheduled Event", "detail": "{}"}


@dataclass
class Context:
    """What Lambda passes."""

    function_name: str = "keepwarm"
    memory_limit_in_mb: int = 512
    invoked_function_arn: str = "arn:aws:lambda:us-east-1:123456789012:function:keepwarm"
    aws_request_id: str = "52fdfc07-2182-454f-963f-5f0f9a621d72"

    def get_remaining_time_in_millis(self) -> int:
        """A whole minute."""
        return 60_000


@pytest.fixture
def invoke(world: World, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Invoke the handler in a new environment, with these variables more; by a tick unless told."""

    def call(event: object = TICK, **environ: str) -> dict[str, Any]:
        for name, value in {**world.environ, **environ}.items():
            monkeypatch.setenv(name, value)
        runtimes: list[module.Runtime] = []
        monkeypatch.setattr(module, "CURRENT", runtimes)
        try:
            answer = handler(event, cast("LambdaContext", Context()))
            return cast("dict[str, Any]", answer)
        finally:
            for runtime in runtimes:
                runtime.close()

    return call


def emitted(captured: str) -> dict[str, Any]:
    """The one metric document of an invocation."""
    lines = [json.loads(line) for line in captured.splitlines()]
    (document,) = [line for line in lines if "_aws" in line]
    return cast("dict[str, Any]", document)


def test_a_tick_answers_with_its_summary(
    world: World, invoke: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """And, where that is asked for, emits every metric, zeros included."""
    world.deploy("support")
    answer = invoke(PREFIXWARM_METRICS="full")
    assert answer["outcomes"] == {"written": 1}
    assert answer["spent_usd"] > 0
    document = emitted(capsys.readouterr().out)
    (directive,) = document["_aws"]["CloudWatchMetrics"]
    assert directive["Namespace"] == "prefixwarm"
    assert directive["Dimensions"] == [["service"]]
    assert document["WarmWritten"] == 1.0
    zeros = ("WarmFailed", "WarmRewrote", "BudgetReached", "StateUnavailable", "RoutePaused")
    assert all(document[name] == 0.0 for name in zeros)


def test_a_tick_without_trouble_writes_no_metric(
    world: World, invoke: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """One short line says that there was one, and what it did."""
    world.deploy("support")
    invoke()
    invoke()
    out = capsys.readouterr().out
    assert '"_aws"' not in out
    first, second = [d for d in map(json.loads, out.splitlines()) if d["message"] == "tick"]
    assert (first["outcomes"], first["due"]) == ({"written": 1}, 1)
    assert second == {"service": "prefixwarm", "level": "INFO", "message": "tick", "due": 0}


@pytest.mark.parametrize(("minutes", "missed"), [(5, 2), (20, 17)])
def test_ticks_that_did_not_come_are_counted(world: World, minutes: int, missed: int) -> None:
    """By the next one of the same environment: throttled, or not delivered.

    From when the refresh was due; none is overdue once the entry is cold, and rests.
    """
    world.deploy("support", policy={"rule": "always", "ttl": "5m"})
    for gap, expected in ((1, 0), (2, 0), (minutes, missed), (20, 0)):
        world.sim.advance(60.0 * gap)
        assert world.tick().missed == expected


def test_ticks_that_another_environment_had_are_not_missed(world: World) -> None:
    """Those who ask bring more environments into being, and ticks go to any of them."""
    world.deploy("support", policy={"rule": "always", "ttl": "5m"})
    runtimes = [world.new_runtime() for _ in range(5)]
    for number in range(20):
        world.sim.advance(60.0)
        report = ticked(runtimes[number % 5])
        assert report.missed == 0


def test_nothing_is_missed_while_nothing_is_due(world: World) -> None:
    """Neither refreshes that come late, nor what the kill switch keeps from being made."""
    world.deploy("support")
    world.tick()
    world.sim.advance(600.0)
    assert world.tick().missed == 0
    stopped = world.new_runtime(PREFIXWARM_DISABLED="1")
    ticked(stopped)
    world.sim.advance(5 * 3600.0)
    assert ticked(stopped).missed == 0


def test_an_unreachable_table_is_an_error_that_alarms_see(
    world: World, invoke: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    """Twice: as the function's own error, and as the metric."""
    world.deploy("support")
    with pytest.raises(StateError, match="ResourceNotFoundException"):
        invoke(PREFIXWARM_TABLE="missing")
    out = capsys.readouterr().out
    assert emitted(out)["StateUnavailable"] == 1.0
    assert not world.sim.requests()


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PREFIXWARM_TABLE", "", "PREFIXWARM_TABLE is not set"),
        ("PREFIXWARM_MANIFEST", "manifest.json", "write s3://BUCKET/KEY"),
        ("PREFIXWARM_DISABLED", "perhaps", "write one of"),
    ],
)
def test_a_bad_setting_is_one_clear_error(
    world: World, invoke: Any, name: str, value: str, says: str
) -> None:
    """Nothing is sent, and nothing is kept of the broken environment."""
    world.deploy("support")
    with pytest.raises(PrefixwarmError, match=says):
        invoke(**{name: value})
    assert not world.sim.requests()
    assert invoke(**{name: world.environ.get(name, "0")})["outcomes"] == {"written": 1}


def test_neither_prompt_nor_key_is_logged(
    world: World, invoke: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    """Whether the call works or the provider refuses it."""
    world.deploy("support", "sales")
    world.sim.inject(status=401, count=1)
    invoke(ANTHROPIC_API_KEY="sk-ant-secret-0123456789")
    world.sim.heal()
    world.sim.advance(700)
    invoke(ANTHROPIC_API_KEY="sk-ant-secret-0123456789")
    out = "".join(capfd.readouterr())
    assert "sk-ant" not in out
    assert "Answer the customer" not in out


def test_an_ask_is_answered(world: World, invoke: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """With one outcome for each name; one short line says that there was one."""
    world.deploy("support", "sales")
    asked = {"warm": ["support", "sales"], "needed_for_seconds": 300}
    outcomes = invoke(asked)["outcomes"]
    assert [set(outcome) for outcome in outcomes] == 2 * [
        {"name", "outcome", "reason", "warm_until", "cost_usd"}
    ]
    assert [outcome["outcome"] for outcome in outcomes] == ["written", "written"]
    warm = invoke(asked)["outcomes"][0]
    assert (warm["outcome"], warm["reason"], warm["cost_usd"]) == ("skipped", "warm", 0.0)
    assert json.loads(json.dumps(warm)) == warm
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    first, second = [line for line in lines if line["message"] == "ask"]
    assert first["outcomes"] == {"written": 2}
    assert (second["level"], second["outcomes"]) == ("INFO", {"skipped": 2})
    assert "_aws" not in second


def test_an_event_asks(world: World, invoke: Any) -> None:
    """As EventBridge delivers it."""
    world.deploy("support")
    event = {"source": "prefixwarm.ask", "detail-type": "open", "detail": {"warm": ["support"]}}
    assert [outcome["outcome"] for outcome in invoke(event)["outcomes"]] == ["written"]


@pytest.mark.parametrize(
    ("event", "kind", "says"),
    [
        ({"warm": ["suport"]}, "UsageError", "there is no prefix 'suport' in this deployment"),
        ({"warn": ["support"]}, "UsageError", "is not a field of an ask"),
        ("support", "UsageError", "the event is not an object"),
    ],
)
def test_a_bad_ask_is_answered_and_raises_no_alarm(
    world: World,
    invoke: Any,
    capsys: pytest.CaptureFixture[str],
    event: object,
    kind: str,
    says: str,
) -> None:
    """Whoever may ask could else make the operator's alarm ring."""
    world.deploy("support")
    answer = invoke(event)
    assert answer["outcomes"] == []
    assert answer["error"]["type"] == kind
    assert says in answer["error"]["message"]
    assert '"_aws"' not in capsys.readouterr().out
    assert not world.sim.requests()


def test_a_broken_deployment_is_the_answer(world: World, invoke: Any) -> None:
    """Settings or manifest cannot be used; the ticks' alarm shows it."""
    world.deploy("support")
    answer = invoke({"warm": ["support"]}, PREFIXWARM_MANIFEST="manifest.json")
    assert answer["error"]["type"] == "SettingsError"
    assert "write s3://BUCKET/KEY" in answer["error"]["message"]
