"""Workers of warmers with more prefixes than one tick warms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.errors import UsageError
from prefixwarm.keepwarm import fan_out
from prefixwarm.prefix.manifest import CALLS_PER_MINUTE, parse
from prefixwarm_cdk import assets, prefixes

if TYPE_CHECKING:
    from collections.abc import Callable

    from aws_cdk import assertions

# Synthesis takes seconds in all; test_contract.py compares whole templates in a quick run.
pytestmark = pytest.mark.slow


@pytest.fixture
def fleet(bench: Any) -> Any:
    """An app with a warmer whose one prefix is more than a tick does."""
    bench.warmer(workers_beyond=0).attach(bench.function())
    return bench


def by_handler(template: assertions.Template, read: Any) -> dict[str, dict[str, Any]]:
    """The functions' properties."""
    functions = read.resources(template, "AWS::Lambda::Function")
    return {function["Handler"].rpartition("keepwarm.")[2]: function for function in functions}


def actions_on(template: assertions.Template, role: str) -> dict[str, str]:
    """What a role may do, and on what, as far as the resource's logical id tells."""
    by_resource: dict[str, str] = {}
    for policy in template.find_resources("AWS::IAM::Policy").values():
        if role not in json.dumps(policy["Properties"]["Roles"]):
            continue
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            actions = statement["Action"]
            for action in [actions] if isinstance(actions, str) else actions:
                by_resource[action] = by_resource.get(action, "") + json.dumps(
                    statement["Resource"]
                )
    return by_resource


def test_a_small_warmer_has_no_workers(template: assertions.Template, read: Any) -> None:
    """Nor a queue to poll."""
    template.resource_count_is("AWS::Lambda::EventSourceMapping", 0)
    template.resource_count_is("AWS::SQS::Queue", 1)
    variables = by_handler(template, read)["handler.handler"]["Environment"]["Variables"]
    assert "PREFIXWARM_QUEUE" not in variables


def test_a_warmer_has_workers_from_the_first_prefix_beyond(
    bench: Any, write_prefix: Callable[..., Path]
) -> None:
    """A tick cannot have more calls than there are prefixes."""
    two = [bench.prefix, write_prefix("sales", text="You sell. " * 400)]
    three = [*two, write_prefix("returns", text="You take back. " * 400)]
    few = bench.warmer(prefixes=two, workers_beyond=2)
    more = bench.warmer(id="More", prefixes=three, workers_beyond=2)
    assert few.keep_warm.workers is None
    assert more.keep_warm.workers is not None


def test_more_calls_a_minute_are_in_the_manifest(bench: Any) -> None:
    """As the keep-warm function reads it; without, its own default."""
    bench.warmer(calls_per_minute=2000)
    bench.warmer(id="Usual")
    folder = Path(bench.app.synth().directory)
    texts = [path.read_bytes() for path in folder.glob("asset.*.json")]
    manifests = [parse(text, "manifest") for text in texts if b"prefixwarm-manifest/1" in text]
    assert sorted(manifest.calls_per_minute for manifest in manifests) == [CALLS_PER_MINUTE, 2000]


@pytest.mark.parametrize("calls", [0, -1, 1.5, True])
def test_a_rate_that_is_none_is_refused(bench: Any, calls: Any) -> None:
    """At synth."""
    with pytest.raises(UsageError, match=r"PrefixWarmer\(calls_per_minute=.*whole number"):
        bench.warmer(calls_per_minute=calls)


def test_a_manifest_that_the_function_cannot_read_is_refused(bench: Any) -> None:
    """At synth, with what to do; the function would find it cut short."""
    with pytest.raises(UsageError, match=r"over the limit of 100, .* several warmers"):
        assets.Manifest(
            bench.stack,
            "Manifest",
            prefixes=prefixes.read([bench.prefix]),
            policy={"rule": "ski"},
            latency_value=0.0,
            budget=None,
            calls_per_minute=None,
            limit=100,
        )


def test_messages_come_again_one_by_one_and_then_are_dead_letters(fleet: Any, read: Any) -> None:
    """Partial failures, bounded concurrency, redrive."""
    template = fleet.template()
    (source,) = read.resources(template, "AWS::Lambda::EventSourceMapping")
    assert source["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert source["ScalingConfig"] == {"MaximumConcurrency": 10}
    assert source["BatchSize"] == 10
    queues = template.find_resources("AWS::SQS::Queue")
    (queue,) = [q["Properties"] for q in queues.values() if "RedrivePolicy" in q["Properties"]]
    redrive = queue["RedrivePolicy"]
    (dead,) = [q for name, q in queues.items() if name in json.dumps(redrive)]
    assert redrive["maxReceiveCount"] == 3
    assert dead["Properties"]["MessageRetentionPeriod"] == 4 * 86400


def test_a_message_is_tried_twice_while_it_is_of_use(fleet: Any, read: Any) -> None:
    """And it lives long enough to become a dead letter."""
    template = fleet.template()
    timeout = by_handler(template, read)["worker.handler"]["Timeout"]
    queues = read.resources(template, "AWS::SQS::Queue")
    (queue,) = [queue for queue in queues if "RedrivePolicy" in queue]
    assert timeout <= queue["VisibilityTimeout"] < fan_out.USEFUL_SECONDS
    receives = queue["RedrivePolicy"]["maxReceiveCount"]
    assert queue["MessageRetentionPeriod"] > receives * queue["VisibilityTimeout"]


def test_both_functions_have_the_same_settings_but_for_the_queue(fleet: Any, read: Any) -> None:
    """The same prefixes, the same key; only the tick sends messages."""
    functions = by_handler(fleet.template(), read)
    tick, worker = functions["handler.handler"], functions["worker.handler"]
    own = tick["Environment"]["Variables"]
    assert own.pop("PREFIXWARM_QUEUE")["Ref"].startswith("WarmKeepWarmWorkersQueue")
    assert worker["Environment"]["Variables"] == own
    assert worker["Code"] == tick["Code"]
    assert worker["Role"] != tick["Role"]


def test_the_tick_sends_and_the_worker_receives(fleet: Any) -> None:
    """Neither may do the other's work."""
    template = fleet.template()
    tick = actions_on(template, "WarmKeepWarmRole")
    worker = actions_on(template, "WarmKeepWarmWorkersRole")
    assert "WorkersQueue" in tick["sqs:SendMessage"]
    received = {"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"}
    assert {action for action in worker if action.startswith("sqs:")} == received
    assert not any(action in tick for action in received)
    only_the_tick = {"dynamodb:Query", "cloudwatch:GetMetricData", "sqs:SendMessage"}
    assert set(tick) - set(worker) == only_the_tick
    assert set(worker) - set(tick) == received


def test_dead_letters_are_an_alarm(fleet: Any, read: Any) -> None:
    """The first one."""
    alarms = read.resources(fleet.template(), "AWS::CloudWatch::Alarm")
    (alarm,) = [one for one in alarms if "Workers" in one["AlarmDescription"]]
    assert alarm["Threshold"] == 1
    assert "DeadLetters" in json.dumps(alarm["Dimensions"])
    assert len(alarms) == 3


def test_cdk_nag_finds_nothing(bench: Any, add_checks: Any) -> None:
    """With workers either."""
    bench.warmer(workers_beyond=0)
    add_checks(bench.app)
    folder = Path(bench.app.synth().directory)
    plugins = json.loads((folder / "validation-report.json").read_text())["pluginReports"]
    assert plugins
    assert [v["ruleName"] for plugin in plugins for v in plugin["violations"]] == []
