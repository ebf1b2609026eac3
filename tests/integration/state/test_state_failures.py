"""Stores of warm states that are shared, damaged, missing or out of reach."""

from __future__ import annotations

import multiprocessing
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.errors import CredentialsError, StateError
from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls
from prefixwarm.state.keepwarm_model import Check, Limits, Registration, Reservation, RoutePause
from prefixwarm.state.memory import FileState
from prefixwarm.state.model import METRIC, Failure, Lease, LeaseRequest, Result
from prefixwarm.state.outcome import FAILED, WRITTEN, Outcome
from prefixwarm.state.store import StateStore
from prefixwarm.state.table_call import signed_calls
from prefixwarm.state.warm_state import State
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import HttpTransport
from prefixwarm.wire.sigv4 import AwsCredentials

if TYPE_CHECKING:
    from pathlib import Path

    from prefixwarm.local.local_aws import LocalAws

NOW = 1_763_700_000.25
WISH = LeaseRequest(name="support", owner="a", now=NOW, seconds=30, needed_until=NOW)
FAILURE = Failure(outcome=FAILED, reason="HTTP 529", at=NOW, backoff_until=NOW + 60)
RESULT = Result(
    outcome=WRITTEN, started=NOW, ttl=3600, max_tokens=0, due_at=NOW + 3300, cost_usd=0.5
)


def spend(path: Path, key: str) -> None:
    """Record ten calls."""
    store = FileState(path)
    for _ in range(10):
        lease = Lease(key=key, owner="x", token=99)
        store.record(lease, RESULT, Deadline.after(30))


def test_a_file_is_shared_between_processes(tmp_path: Path, key: str, soon: Deadline) -> None:
    """No dollar is lost, and nothing is left behind but the lock."""
    path = tmp_path / "state.json"
    context = multiprocessing.get_context("spawn")
    running = [context.Process(target=spend, args=(path, key)) for _ in range(3)]
    for process in running:
        process.start()
    for process in running:
        process.join(60)
        assert process.exitcode == 0
    assert FileState(path).read(key, soon).money.spent_usd == 15.0
    assert {file.name for file in tmp_path.iterdir()} == {"state.json", "state.json.lock"}


@pytest.mark.parametrize("text", ["", "{", "[]", '{"states": [5], "ledgers": []}', "\udcff"])
def test_a_file_that_is_none_of_ours(tmp_path: Path, key: str, soon: Deadline, text: str) -> None:
    """It is left as it is, and the message says what to do."""
    path = tmp_path / "state.json"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(StateError, match="is not a state file; delete it to start over"):
        FileState(path).read(key, soon)
    assert path.read_bytes() == text.encode("utf-8", "surrogateescape")


def test_a_file_that_cannot_be(tmp_path: Path, key: str, soon: Deadline) -> None:
    """Its folder is missing, or it is a folder."""
    with pytest.raises(StateError, match="No such file"):
        FileState(tmp_path / "nowhere" / "state.json").read(key, soon)
    with pytest.raises(StateError, match="Is a directory"):
        FileState(tmp_path).read(key, soon)


def everything(store: StateStore, key: str, until: Deadline) -> list[Any]:
    """Every operation, unsent."""
    lease = Lease(key=key, owner="a", token=1)
    day = "2026-11-21"
    outcome = Outcome(name="support", kind=WRITTEN)
    reservation = Reservation(key=key, total="total/shop", day=day, at=NOW, usd=0.5)
    return [
        lambda: store.read(key, until),
        lambda: store.take_lease(key, WISH, until),
        lambda: store.record(lease, RESULT, until),
        lambda: store.fail(lease, FAILURE, until),
        lambda: store.record_use(key, NOW, 300, until),
        lambda: store.saw_traffic(key, NOW, METRIC, until),
        lambda: store.add_function(key, "f", until),
        lambda: store.register(key, Registration(name="s", at=NOW, due_at=NOW), until),
        lambda: store.record_check(key, Check(at=NOW, due_at=NOW, reason=""), until),
        lambda: store.pause(key, RoutePause(until=NOW, reason=""), until),
        lambda: store.retire(key, until),
        lambda: store.due(NOW, 5, until),
        lambda: store.reserve(reservation, Limits(), until),
        lambda: store.spend(reservation, outcome, until),
        lambda: store.settle(State.of(key, saves=1), "total/shop", day, NOW, until),
        lambda: store.ledger(key, [day], until),
        lambda: store.ledger(key, [day, "2026-11-20"], until),
    ]


@pytest.mark.parametrize("by", ["signed", "boto3"])
def test_a_missing_table(signed: AwsClient, boto: Any, key: str, soon: Deadline, by: str) -> None:
    """Every operation says so, in one kind of error."""
    call = signed_calls(signed) if by == "signed" else boto_calls(boto)
    for operation in everything(StateStore("nowhere", call), key, soon):
        with pytest.raises(StateError, match=r"the table refused .*ResourceNotFoundException"):
            operation()


def test_a_table_that_cannot_be_reached(aws: LocalAws, key: str, soon: Deadline) -> None:
    """Nobody listens, no credentials, no region, no time: one kind of error."""

    def failing(environ: dict[str, str], until: Deadline = soon, keys: bool = True) -> None:
        def credentials(_deadline: Deadline) -> AwsCredentials:
            if not keys:
                raise CredentialsError("no AWS credentials")
            return AwsCredentials(access_key="a", secret_key="b")

        client = AwsClient(transport=HttpTransport({}), credentials=credentials, environ=environ)
        for operation in everything(StateStore("t", signed_calls(client)), key, until):
            with pytest.raises(StateError, match="the table cannot be reached"):
                operation()

    closed = {"AWS_REGION": "us-east-1", "AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    failing(closed)
    failing({**closed, "AWS_ENDPOINT_URL": "not a url"})
    failing({**closed, "AWS_REGION": ""})
    failing(aws.environment(), keys=False)
    failing(aws.environment(), until=Deadline.after(-1))
