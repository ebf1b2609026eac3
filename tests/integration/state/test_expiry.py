"""What nobody touches any more is deleted by the table itself, some day."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls
from prefixwarm.state.keepwarm_model import LEDGER_SECONDS, Check, Registration
from prefixwarm.state.model import KEEP_SECONDS, METRIC, SessionStart
from prefixwarm.state.outcome import WRITTEN, Outcome
from prefixwarm.state.store import StateStore
from tests.helpers.ledgers import add_spending

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.wire.deadline import Deadline

NOW = 1_763_700_000.0
DAY = "2025-11-21"
WRITES: dict[str, Callable[[StateStore, str, Deadline], object]] = {
    "record_use": lambda store, key, soon: store.record_use(key, NOW, 3600, soon),
    "saw_traffic": lambda store, key, soon: store.saw_traffic(key, NOW, METRIC, soon),
    "register": lambda store, key, soon: store.register(
        key, Registration(name="support", at=NOW, due_at=NOW), soon
    ),
    "record_check": lambda store, key, soon: store.record_check(
        key, Check(at=NOW, due_at=NOW, reason=""), soon
    ),
}


def expiry(boto: Any, table: str, key: str) -> int:
    item = boto.get_item(TableName=table, Key={"pk": {"S": key}})["Item"]
    return int(item["expires_at"]["N"])


@pytest.mark.parametrize("write", WRITES)
def test_a_state_is_kept_for_weeks(
    boto: Any, table: str, key: str, soon: Deadline, write: str
) -> None:
    """Whichever operation came last."""
    WRITES[write](StateStore(table, boto_calls(boto)), key, soon)
    assert expiry(boto, table, key) == NOW + KEEP_SECONDS


def test_a_ledger_is_kept_for_a_year(boto: Any, table: str, key: str, soon: Deadline) -> None:
    """Long enough to compare with last year's."""
    outcome = Outcome(name="support", kind=WRITTEN, started_at=NOW, calls=1, cost_usd=0.5)
    store = StateStore(table, boto_calls(boto))
    add_spending(store, key, DAY, outcome, soon)
    ledger_key = f"ledger/{key.partition('/')[2]}/{DAY}"
    assert expiry(boto, table, ledger_key) == NOW + LEDGER_SECONDS
    start = SessionStart(at=NOW, quiet=300, hit=True, saved=True, saved_usd=0.25)
    store.count_start(key, start, soon)
    assert store.settle(store.read(key, soon), "total/shop", DAY, NOW, soon)
    assert expiry(boto, table, f"ledger/shop/{DAY}") == NOW + LEDGER_SECONDS
    assert expiry(boto, table, key) == NOW + KEEP_SECONDS
