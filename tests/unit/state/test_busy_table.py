"""A table that throttles, conflicts or fails for a moment: the same request is sent again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.stub import Stubber

from prefixwarm.errors import StateError
from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls
from prefixwarm.state import table_call
from prefixwarm.state.keepwarm_model import Account, HandOver, Limits, Registration, Reservation
from prefixwarm.state.local_table import LocalTable
from prefixwarm.state.model import (
    METRIC,
    Failure,
    Lease,
    LeaseRequest,
    Result,
    SessionStart,
    shared_key,
)
from prefixwarm.state.outcome import FAILED, WRITTEN, Outcome
from prefixwarm.state.store import StateStore
from prefixwarm.state.table_call import ConditionFailed, TableBusyError, refusal, signed_calls
from prefixwarm.wire.aws import AwsClient
from prefixwarm.wire.credentials import aws_credentials
from prefixwarm.wire.deadline import Deadline
from prefixwarm.wire.http import Response
from tests.helpers.ledgers import add_spending

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.state.table_call import DynamoCall
    from prefixwarm.wire.http import Request

NOW = 1_763_700_000.0
KEY = "state/anthropic/-/default/support/claude-sonnet-5-5/0123456789abcdef0123456789abcdef"
DAY = "2026-11-21"
ENVIRON = {
    "AWS_REGION": "us-east-1",
    "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "secret",
}
BUSY = [
    ("ProvisionedThroughputExceededException", 400),
    ("ThrottlingException", 400),
    ("RequestLimitExceeded", 400),
    ("TransactionConflictException", 400),
    ("TransactionInProgressException", 400),
    ("InternalServerError", 500),
    ("ServiceUnavailable", 503),
    ("", 502),
]


class Table:
    """A table that refuses so many requests; counts what it was asked."""

    def __init__(self, refused: int, code: str, status: int) -> None:
        self.refused = refused
        self.code = code
        self.status = status
        self.asked = 0

    def send(self, request: Request, deadline: Deadline) -> Response:
        """Answer as DynamoDB's API does."""
        self.asked += 1
        refuses = self.asked <= self.refused
        body = b'{"__type":"com.amazonaws.dynamodb.v20120810#%s"}' % self.code.encode()
        return Response(
            status=self.status if refuses else 200,
            headers={},
            body=body if refuses else b"{}",
            first_byte_after=0.0,
        )

    def calls(self) -> DynamoCall:
        """The init phase's calls to it."""
        credentials = aws_credentials(ENVIRON, self)
        return signed_calls(AwsClient(transport=self, credentials=credentials, environ=ENVIRON))


def stubbed(refused: int, operation: str, code: str, status: int) -> Any:
    """boto3's calls to such a table."""
    client = boto3.client(
        "dynamodb",
        region_name="us-east-1",
        aws_access_key_id="AKIDEXAMPLE",
        aws_secret_access_key="secret",
    )
    stub = Stubber(client)
    for _ in range(refused):
        stub.add_client_error(operation, code, http_status_code=status)
    stub.add_response(operation, {})
    stub.activate()
    return client


class SleptThrough(Deadline):
    """A deadline that comes nearer by what was slept, and by nothing else."""

    def __init__(self, seconds: float, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(Deadline.after(3600).at)
        self.left = seconds
        self.pauses: list[float] = []
        monkeypatch.setattr(table_call, "sleep", self.sleep)

    def sleep(self, seconds: float) -> None:
        """Pretend to."""
        self.left -= seconds
        self.pauses.append(seconds)

    def remaining(self) -> float:
        """See `Deadline`."""
        return max(0.0, self.left)


@pytest.mark.parametrize(("code", "status"), BUSY)
@pytest.mark.parametrize("refused", [1, 5])
def test_reads_and_writes_are_sent_again(
    code: str, status: int, refused: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever sends them."""
    soon = SleptThrough(60, monkeypatch)
    for operation, work in (
        ("get_item", lambda store: store.read(KEY, soon)),
        ("update_item", lambda store: store.saw_traffic(KEY, 1.0, METRIC, soon)),
    ):
        table = Table(refused, code, status)
        work(StateStore("warm", table.calls()))
        assert table.asked == refused + 1
        work(StateStore("warm", boto_calls(stubbed(refused, operation, code, status))))


def test_not_beyond_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The pauses grow, differ, and end before it; the error is the table's own."""
    soon = SleptThrough(3.0, monkeypatch)
    table = Table(10_000, "ThrottlingException", 400)
    with pytest.raises(StateError, match="the table refused GetItem: HTTP 400 Throttling"):
        StateStore("warm", table.calls()).read(KEY, soon)
    assert soon.left > 0
    assert table.asked == len(soon.pauses) + 1 > 6
    assert 0.0125 <= soon.pauses[0] <= 0.025
    assert max(soon.pauses) <= 0.8


@pytest.mark.parametrize("code", ["ResourceNotFoundException", "AccessDeniedException"])
def test_what_will_not_change_is_asked_once(code: str) -> None:
    """However much time there is."""
    table = Table(10_000, code, 400)
    with pytest.raises(StateError, match=code):
        StateStore("warm", table.calls()).read(KEY, Deadline.after(60))
    assert table.asked == 1


@pytest.mark.parametrize(
    ("reasons", "kind"),
    [
        (["None", "ConditionalCheckFailed"], ConditionFailed),
        (["TransactionConflict", "ConditionalCheckFailed"], ConditionFailed),
        (["None", "TransactionConflict"], TableBusyError),
        (["ThrottlingError", "ProvisionedThroughputExceeded"], TableBusyError),
        (["TransactionConflict", "ValidationError"], StateError),
        ([], ConditionFailed),
    ],
)
def test_why_a_transaction_was_cancelled(reasons: list[str], kind: type[Exception]) -> None:
    """A conflict is not a condition that does not hold."""
    listed = [{"Code": reason} for reason in reasons]
    error = refusal(
        "TransactWriteItems",
        "TransactionCanceledException",
        400,
        {"CancellationReasons": listed},
    )
    assert type(error) is kind


class LosesReplies:
    """Does what it is asked, and says of each request's first sending that it did not."""

    def __init__(self) -> None:
        self._call = LocalTable()
        self._sent: list[dict[str, Any]] = []

    def __call__(
        self, operation: str, parameters: dict[str, Any], deadline: Deadline
    ) -> dict[str, Any]:
        """See `DynamoCall`."""
        reply = self._call(operation, parameters, deadline)
        if parameters not in self._sent:
            self._sent.append(parameters)
            raise TableBusyError("HTTP 500")
        return reply


RESULT = Result(
    outcome=WRITTEN, started=NOW, ttl=3600, max_tokens=0, due_at=NOW, cost_usd=0.5, idle_refreshes=1
)
FAILURE = Failure(outcome=FAILED, reason="HTTP 529", at=NOW, backoff_until=NOW + 60, cost_usd=0.5)
START = SessionStart(at=NOW, quiet=300, hit=True, saved=True, saved_usd=0.25)
LATE = Lease(key=KEY, owner="late", token=99)


def take(store: StateStore, soon: Deadline) -> Lease:
    """The lease, which is free."""
    wish = LeaseRequest(name="support", owner="a", now=NOW, seconds=30, needed_until=NOW)
    state, taken = store.take_lease(KEY, wish, soon)
    assert taken
    return Lease(key=KEY, owner="a", token=state.lease.token)


COUNTING: dict[str, tuple[Callable[[StateStore, Deadline], object], dict[str, object]]] = {
    "lease": (take, {"lease_token": 1}),
    "record": (
        lambda store, soon: store.record(take(store, soon), RESULT, soon),
        {"calls": 1, "spent_usd": 0.5, "idle": 1},
    ),
    "fail": (
        lambda store, soon: store.fail(take(store, soon), FAILURE, soon),
        {"calls": 1, "spent_usd": 0.5, "failures": 1},
    ),
    "record late": (
        lambda store, soon: store.record(LATE, RESULT, soon),
        {"calls": 1, "spent_usd": 0.5, "warm_until": NOW + 3600},
    ),
    "fail late": (
        lambda store, soon: store.fail(LATE, FAILURE, soon),
        {"calls": 1, "spent_usd": 0.5, "failures": 0},
    ),
    "start": (
        lambda store, soon: store.count_start(KEY, START, soon),
        {"starts": 1, "start_hits": 1, "saves": 1, "saved_usd": 0.25},
    ),
}


@pytest.mark.parametrize("what", COUNTING)
def test_a_write_that_was_done_counts_once(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each request is applied, answered with HTTP 500, and sent again."""
    soon = SleptThrough(60, monkeypatch)
    store = StateStore("warm", LosesReplies())
    work, expected = COUNTING[what]
    work(store, soon)
    attributes = store.read(KEY, soon).attributes()
    assert {name: attributes[name] for name in expected} == expected


def test_ledgers_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the keep-warm function spends, and what it settles for others."""
    soon = SleptThrough(60, monkeypatch)
    store = StateStore("warm", LosesReplies())
    outcome = Outcome(name="support", kind=WRITTEN, calls=1, cost_usd=0.5, started_at=NOW)
    add_spending(store, KEY, DAY, outcome, soon)
    store.count_start(KEY, START, soon)
    assert store.settle(store.read(KEY, soon), "total/shop", DAY, NOW, soon)
    own, total = (store.ledger(key, [DAY], soon)[0] for key in (KEY, "total/shop"))
    assert (own.outcomes, own.spent_usd, own.saved_usd) == ({WRITTEN: 1}, 0.5, 0.25)
    assert total.saved_usd == 0.25
    assert store.read(KEY, soon).money.settled == 1


def test_reservations_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set aside, granted, taken with a lease, given back with it, and spent."""
    soon = SleptThrough(60, monkeypatch)
    store = StateStore("warm", LosesReplies())
    reserved = Reservation(key=KEY, total="total/shop", day=DAY, at=NOW, usd=0.5)
    for _ in range(2):
        assert store.reserve(reserved, Limits(total_usd=1.0), soon)
    assert not store.reserve(reserved, Limits(total_usd=1.0), soon)
    spent = Outcome(name="support", kind=WRITTEN, calls=1, cost_usd=0.25, started_at=NOW)
    store.spend(reserved, spent, soon)
    assert store.ledger("total/shop", [DAY], soon)[0].committed_usd == 0.75
    store.register(KEY, Registration(name="support", at=NOW, due_at=NOW), soon)
    first = HandOver(at=NOW, old="", new=KEY, learned="", left="")
    assert store.hand_over(first, soon)
    store.note_account(KEY, Account(at=NOW, granted_usd=0.5, granted_until=NOW + 9), soon)
    shared = shared_key(KEY)
    assert store.read(shared, soon).money.init_allowance_usd == 0.5
    wish = LeaseRequest(name="support", owner="a", now=NOW, seconds=30, needed_until=NOW)
    state, taken = store.take_lease(KEY, wish.replace(allowance_usd=0.25), soon)
    assert (taken, state.money.init_spent_usd) == (True, 0.25)
    assert store.read(shared, soon).money.init_allowance_usd == 0.25
