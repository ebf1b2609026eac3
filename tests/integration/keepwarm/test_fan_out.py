"""More than one tick does itself: handed over to workers by a real queue."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from prefixwarm.errors import SettingsError, StateError
from prefixwarm.keepwarm import fan_out
from prefixwarm.keepwarm import runtime as environment
from prefixwarm.keepwarm.route_breaker import route_key
from prefixwarm.keepwarm.worker import handler
from prefixwarm.prefix.prefix_file import dumps
from prefixwarm.state.store import StateStore
from prefixwarm.wire.deadline import Deadline
from tests.integration.keepwarm.alarm_states import (
    DEAD_LETTERS,
    FUNCTION,
    CloudWatch,
    synthesised,
)
from tests.integration.keepwarm.conftest import prefix_file, ticked
from tests.integration.keepwarm.test_handler import Context

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from aws_lambda_powertools.utilities.typing import LambdaContext

    from tests.integration.keepwarm.conftest import World

MINUTE = 60.0
HOUR = 3600.0
NAMES = ("returns", "sales", "support", "orders", "billing")


@dataclass
class Fan:
    """A deployment with a queue, whose ticks make one call and a scout themselves."""

    world: World
    url: str
    dead: str
    invoke: Callable[..., dict[str, Any]]

    def receive(self) -> list[dict[str, Any]]:
        """What the event source hands to a worker: the queue's messages as Lambda's records."""
        sqs = self.world.aws.client("sqs")
        reply = sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        return [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "eventSource": "aws:sqs",
            }
            for message in reply.get("Messages", ())
        ]

    def work(self, records: list[dict[str, Any]]) -> list[str]:
        """Invoke a worker and delete what it does not report; the ids that it does."""
        answer = self.invoke(records)
        failed = [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]
        sqs = self.world.aws.client("sqs")
        for record in records:
            if record["messageId"] not in failed:
                sqs.delete_message(QueueUrl=self.url, ReceiptHandle=record["receiptHandle"])
        return failed

    def drain(self) -> None:
        """Workers until the queue is empty."""
        while records := self.receive():
            assert self.work(records) == []

    def asked(self) -> list[str]:
        """Which prefix each warm call that the provider received was for."""
        texts = [request["body"]["system"][0]["text"] for request in self.world.warm_calls()]
        return sorted(text.split()[2].rstrip(".") for text in texts)


@pytest.fixture
def fan(world: World, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fan]:
    """Five prefixes, of which a tick does two itself."""
    sqs = world.aws.client("sqs")
    dead = sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]
    redrive = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": "3"}
    attributes = {"VisibilityTimeout": "0", "RedrivePolicy": json.dumps(redrive)}
    url = sqs.create_queue(QueueName="work", Attributes=attributes)["QueueUrl"]
    world.environ["PREFIXWARM_QUEUE"] = url
    world.most_in_a_tick = 1
    used: list[environment.Runtime] = []

    def invoke(records: list[dict[str, Any]], **environ: str) -> dict[str, Any]:
        own = environment.Runtime({**world.environ, **environ}, world.now)
        used.append(own)
        monkeypatch.setattr(environment, "CURRENT", [own])
        answer = handler({"Records": records}, cast("LambdaContext", Context()))
        return cast("dict[str, Any]", answer)

    yield Fan(world, url, dead, invoke)
    for own in used:
        own.close()


def queued(fan: Fan) -> list[dict[str, Any]]:
    """A tick in which five writes are due: two are made, three are queued."""
    fan.world.deploy(*NAMES)
    report = fan.world.tick()
    assert [outcome.kind for outcome in report.outcomes] == ["written", "written"]
    assert (report.queued, report.queue_error) == (3, "")
    records = fan.receive()
    assert len(records) == 3
    return records


def test_what_is_beyond_one_tick_is_made_by_workers(fan: Fan) -> None:
    """Each prefix once, with its books, and then refreshed the same way for hours."""
    assert fan.work(queued(fan)) == []
    assert fan.asked() == sorted(NAMES)
    total = sum(fan.world.state(name).money.spent_usd for name in NAMES)
    assert total == pytest.approx(sum(float(r["cost_usd"]) for r in fan.world.warm_calls()))
    for _ in range(90):
        fan.world.sim.advance(MINUTE)
        fan.world.tick()
        fan.drain()
    assert fan.asked() == sorted(2 * NAMES)
    kinds = [fan.world.state(name).last_call.outcome for name in NAMES]
    assert kinds == ["refreshed"] * 5


def test_messages_hold_no_prompt(fan: Fan) -> None:
    """The state's key, the decision and its times."""
    for record in queued(fan):
        message = json.loads(record["body"])
        assert set(message) == {
            *("key", "name", "action", "reason"),
            *("decided_at", "latest_start", "warm_until"),
        }
        assert "Answer the customer" not in record["body"]
        assert len(record["body"]) < 1000


def test_what_is_queued_is_not_queued_again(fan: Fan) -> None:
    """Not while its message is of use."""
    queued(fan)
    fan.world.sim.advance(MINUTE)
    report = fan.world.tick()
    assert (report.due, report.queued, report.outcomes) == (0, 0, [])


def test_a_lost_message_is_made_good_before_the_entry_lapses(fan: Fan) -> None:
    """The prefix is due again soon after the end of its message's use."""
    fan.work(queued(fan))
    fan.world.passes(56 * MINUTE)
    lost = fan.receive()
    while not lost:
        fan.world.sim.advance(MINUTE)
        fan.world.tick()
        lost = fan.receive()
    fan.world.aws.client("sqs").purge_queue(QueueUrl=fan.url)
    for _ in range(3):
        fan.world.sim.advance(MINUTE)
        fan.world.tick()
        fan.drain()
    assert fan.asked() == sorted(2 * NAMES)
    assert {fan.world.state(name).last_call.outcome for name in NAMES} == {"refreshed"}


def test_a_message_that_comes_twice_makes_one_call(fan: Fan) -> None:
    """In one batch, or in a later one."""
    records = queued(fan)
    twins = [{**record, "messageId": f"{i}"} for i, record in enumerate(records)]
    fan.invoke(records + twins)
    assert fan.asked() == sorted(NAMES)
    fan.invoke(records)
    assert fan.asked() == sorted(NAMES)


def test_a_late_message_makes_no_call(fan: Fan, capsys: pytest.CaptureFixture[str]) -> None:
    """It is dropped and counted; the next tick decides anew."""
    records = queued(fan)
    fan.world.sim.advance(fan_out.USEFUL_SECONDS + 1)
    capsys.readouterr()
    assert fan.work(records) == []
    assert batch_line(capsys)["WarmDropped"] == 3.0
    assert len(fan.world.warm_calls()) == 2
    fan.world.sim.advance(MINUTE)
    assert fan.world.tick().due == 3


def batch_line(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    """The last batch's own line of the log."""
    lines = map(json.loads, capsys.readouterr().out.splitlines())
    return [line for line in lines if line["message"] == "batch"][-1]


def test_a_late_refresh_is_never_a_write(fan: Fan) -> None:
    """Its message is of use until the entry ends, at most."""
    fan.work(queued(fan))
    fan.world.passes(56 * MINUTE)
    records = fan.receive()
    while not records:
        fan.world.sim.advance(20)
        fan.world.tick()
        records = fan.receive()
    before = len(fan.world.warm_calls())
    for record in records:
        message = json.loads(record["body"])
        assert message["action"] == "refresh"
        assert message["latest_start"] < message["warm_until"]
    fan.world.sim.advance(4 * MINUTE)
    fan.work(records)
    assert len(fan.world.warm_calls()) == before


def test_a_removed_prefix_is_not_warmed(fan: Fan) -> None:
    """The deployment changed while its message was under way."""
    records = queued(fan)
    fan.world.deploy(*NAMES[:0])
    assert fan.work(records) == []
    assert len(fan.world.warm_calls()) == 2


def test_the_budget_is_asked_again(fan: Fan, capsys: pytest.CaptureFixture[str]) -> None:
    """Others have spent meanwhile."""
    records = queued(fan)
    entries = [fan.world.upload(name, dumps(prefix_file(name))) for name in NAMES]
    fan.world.deploy_entries(entries, budget_usd_per_day=0.033)
    capsys.readouterr()
    assert fan.work(records) == []
    document = batch_line(capsys)
    assert document["BudgetReached"] == document["WarmDropped"] == 2.0
    assert len(fan.world.warm_calls()) == 3


def test_a_kill_switch_stops_workers(fan: Fan) -> None:
    """Nothing comes again, unless the switch cannot be read."""
    records = queued(fan)
    ssm = fan.world.aws.client("ssm")
    ssm.put_parameter(Name="/stop", Value="halt", Type="String")
    with pytest.raises(SettingsError, match="halt"):
        fan.invoke(records, PREFIXWARM_KILL_SWITCH="/stop")
    ssm.put_parameter(Name="/stop", Value="true", Type="String", Overwrite=True)
    answer = fan.invoke(records, PREFIXWARM_KILL_SWITCH="/stop")
    assert answer == {"batchItemFailures": []}
    assert len(fan.world.warm_calls()) == 2


def test_a_workers_error_pauses_the_route(fan: Fan) -> None:
    """For workers and ticks; the messages are not tried again."""
    records = queued(fan)
    fan.world.sim.inject(status=429, retry_after=600, count=1)
    assert fan.work(records[:1]) == []
    pause = fan.world.runtime.dependencies.store.read(
        route_key("anthropic", "", "default"), Deadline.after(60)
    )
    assert (pause.backoff.until or 0) - fan.world.sim.now() > 500
    assert fan.work(records[1:]) == []
    assert len(fan.world.sim.requests()) == 3
    fan.world.sim.advance(2 * MINUTE)
    report = fan.world.tick()
    assert (report.due, report.queued, report.outcomes) == (3, 0, [])


def test_without_the_table_all_messages_come_again(fan: Fan) -> None:
    """Nothing was sent: once the table is back they are worked off."""
    records = queued(fan)
    with pytest.raises(BatchProcessingError):
        fan.invoke(records, PREFIXWARM_TABLE="missing")
    assert len(fan.world.warm_calls()) == 2
    assert fan.work(records) == []
    assert fan.asked() == sorted(NAMES)


def test_only_what_failed_comes_again(fan: Fan, monkeypatch: pytest.MonkeyPatch) -> None:
    """One item of the table cannot be read; the others of the batch are done."""
    records = queued(fan)
    unlucky = json.loads(records[0]["body"])["key"]
    read = StateStore.read

    def flaky(self: StateStore, key: str, deadline: Deadline) -> Any:
        if key == unlucky:
            raise StateError("the table refused GetItem: ProvisionedThroughputExceededException")
        return read(self, key, deadline)

    with monkeypatch.context() as patch:
        patch.setattr(StateStore, "read", flaky)
        assert fan.work(records) == [records[0]["messageId"]]
    assert len(fan.world.warm_calls()) == 4
    fan.drain()
    assert fan.asked() == sorted(NAMES)


def test_a_worker_that_keeps_failing_leaves_dead_letters(fan: Fan, tmp_path: Path) -> None:
    """A tick's messages after three receives are where an alarm sees them, and it goes off."""
    alarms = synthesised(tmp_path, workers=True)
    metrics = CloudWatch()

    def gone_off() -> set[str]:
        """The alarms that go off by what SQS says of the queue now."""
        sqs, name = fan.world.aws.client("sqs"), "ApproximateNumberOfMessages"
        reply = sqs.get_queue_attributes(QueueUrl=fan.dead, AttributeNames=[name])
        visible, now = f"{name}Visible", fan.world.sim.now()
        metrics.put("AWS/SQS", visible, DEAD_LETTERS, now, float(reply["Attributes"][name]))
        metrics.put("AWS/Lambda", "Errors", FUNCTION, now, 0.0)
        return {name for name, alarm in alarms.items() if metrics.goes_off(alarm, now)}

    queued(fan)
    for _ in range(2):
        assert gone_off() == set()
        with pytest.raises(SettingsError):
            fan.invoke(fan.receive(), PREFIXWARM_MANIFEST="s3://assets/missing.json")
    assert fan.receive() == []
    assert gone_off() == {"DeadLetters"}
    sqs = fan.world.aws.client("sqs")
    dead = sqs.receive_message(QueueUrl=fan.dead, MaxNumberOfMessages=10)["Messages"]
    assert len(dead) == 3


def test_something_else_in_the_queue_is_dropped(fan: Fan) -> None:
    """No retry makes it a message."""
    sqs = fan.world.aws.client("sqs")
    fan.world.deploy(*NAMES)
    for body in ("{", "{}", "[]", json.dumps({"key": "state/anthropic"})):
        sqs.send_message(QueueUrl=fan.url, MessageBody=body)
    assert fan.work(fan.receive()) == []
    assert not fan.world.sim.requests()


def test_what_cannot_be_queued_stays_due(fan: Fan) -> None:
    """The tick does its own share, says why, and tries the rest again."""
    fan.world.deploy(*NAMES)
    missing = fan.url.replace("work", "missing")
    report = ticked(fan.world.new_runtime(PREFIXWARM_QUEUE=missing))
    assert (report.queued, len(report.outcomes)) == (0, 2)
    assert "NonExistentQueue" in report.queue_error
    assert report.metrics()["QueueUnavailable"] == (1.0, "Count")
    fan.world.sim.advance(MINUTE)
    report = fan.world.tick()
    assert (report.due, len(report.outcomes), report.queued) == (3, 2, 1)


def test_a_paused_route_queues_nothing(fan: Fan) -> None:
    """The scout finds out before anything is handed over."""
    fan.world.deploy(*NAMES)
    fan.world.sim.inject(status=529, count=1)
    report = fan.world.tick()
    assert ([o.kind for o in report.outcomes], report.queued) == (["failed"], 0)
    assert fan.receive() == []


def test_without_a_queue_one_tick_does_all(world: World) -> None:
    """As small deployments are."""
    world.most_in_a_tick = 1
    world.deploy(*NAMES)
    report = world.tick()
    assert (len(report.outcomes), report.queued) == (5, 0)


@pytest.mark.parametrize("ttl", ["5m", "1h"])
def test_a_workers_failure_is_made_good_before_the_entry_lapses(fan: Fan, ttl: str) -> None:
    """By the next ticks: the prefix is due again at once, and no call is made twice or late."""
    fan.world.deploy(*NAMES, policy={"rule": "ski", "ttl": ttl})
    fan.world.tick()
    fan.drain()
    life = 300 if ttl == "5m" else 3600
    lapses = fan.world.sim.now() + life
    fan.world.sim.advance(life - 95)
    records: list[dict[str, Any]] = []
    while not records:
        fan.world.tick()
        records = fan.receive()
        fan.world.sim.advance(0 if records else 5)
    fan.world.sim.inject(status=529, count=1)
    assert fan.work(records) == []
    failed = [request for request in fan.world.sim.requests() if request["status"] == 529]
    assert len(failed) == 1
    while fan.world.sim.now() < lapses + 60:
        fan.world.sim.advance(20)
        fan.world.tick()
        fan.drain()
    answered = [r for r in fan.world.sim.requests() if r["status"] == 200]
    assert len(answered) == 2 * len(NAMES)
    assert {fan.world.state(name).last_call.outcome for name in NAMES} == {"refreshed"}
