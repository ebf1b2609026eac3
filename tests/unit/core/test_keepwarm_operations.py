"""What the keep-warm function asks of a state store beyond warm calls."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import boto3
import pytest
from moto import mock_aws

from prefixwarm.core.deadline import Deadline
from prefixwarm.core.dynamo import DynamoState
from prefixwarm.core.errors import SettingsError
from prefixwarm.core.memory import FileState, MemoryState
from prefixwarm.core.outcome import Outcome
from prefixwarm.core.settings import Settings
from prefixwarm.core.state import Check
from prefixwarm.keepwarm.store import boto_calls

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from prefixwarm.core.seams import StateStore

KEY = "state/anthropic/-/default/claude-sonnet-5-5/0123456789abcdef0123456789abcdef"


def soon() -> Deadline:
    """Time enough."""
    return Deadline.after(5)


@pytest.fixture(params=["memory", "file", "dynamodb"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[StateStore]:
    """Each of the stores in turn."""
    if request.param == "memory":
        yield MemoryState()
    elif request.param == "file":
        yield FileState(tmp_path / "state.json")
    else:
        with mock_aws():
            client: Any = boto3.client("dynamodb", region_name="us-east-1")
            client.create_table(
                TableName="state",
                KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
                AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
                BillingMode="PAY_PER_REQUEST",
            )
            yield DynamoState("state", boto_calls(client))


def test_a_pause_holds_back_until_its_end(store: StateStore) -> None:
    """And says why."""
    store.pause(KEY, 1000.5, "HTTP 429", soon())
    assert store.read(KEY, soon()).backoff_until == 1000.5
    assert store.read(KEY, soon()).reason == "HTTP 429"


def test_a_shorter_pause_leaves_a_longer_one(store: StateStore) -> None:
    """The spend limit's hour outlasts a rate limit's seconds."""
    store.pause(KEY, 5000.0, "spend limit", soon())
    store.pause(KEY, 1000.0, "rate limit", soon())
    assert store.read(KEY, soon()).backoff_until == 5000.0
    assert store.read(KEY, soon()).reason == "spend limit"


def test_a_check_changes_only_what_it_says(store: StateStore) -> None:
    """None leaves what is there."""
    first = Check(at=1.0, due_at=2.0, reason="a", rewrites=2, tripped_until=9.0, idle=3)
    store.plan(KEY, first, soon())
    store.plan(KEY, Check(at=2.0, due_at=3.0, reason="b"), soon())
    state = store.read(KEY, soon())
    assert (state.due_at, state.reason, state.idle) == (3.0, "b", 3)
    assert (state.rewrites, state.tripped_until) == (2, 9.0)


def test_a_ledger_notes_the_lifetime_sum_as_it_stood_last(store: StateStore) -> None:
    """So that what others spent in between can be told."""
    outcome = Outcome(name="support", kind="refreshed", calls=1, cost_usd=0.002)
    store.add_to_ledger(KEY, "2026-11-21", outcome, soon(), lifetime_usd=0.1)
    store.add_to_ledger(KEY, "2026-11-21", outcome, soon(), lifetime_usd=0.15)
    store.add_to_ledger(KEY, "2026-11-21", outcome, soon())
    (ledger,) = store.ledger(KEY, ["2026-11-20", "2026-11-21"], soon())
    assert ledger.spent_usd == pytest.approx(0.006)
    assert ledger.lifetime_usd == pytest.approx(0.15)
    assert ledger.outcomes == {"refreshed": 3}


def test_functions_are_lists_by_prefix_name() -> None:
    """As the construct writes them."""
    settings = Settings.from_environment({"PREFIXWARM_FUNCTIONS": '{"support": ["a", "b"]}'})
    assert settings.functions == {"support": ["a", "b"]}
    assert Settings.from_environment({"X": "y"}).functions == {}


@pytest.mark.parametrize("text", ["support", "[]", '{"support": "a"}', '{"support": [""]}'])
def test_other_shapes_of_functions_are_refused(text: str) -> None:
    """With an example of the right one."""
    with pytest.raises(SettingsError, match=r"PREFIXWARM_FUNCTIONS=.*my-function"):
        Settings.from_environment({"PREFIXWARM_FUNCTIONS": text})


def test_the_kill_switch_is_named() -> None:
    """Its parameter is not read here."""
    found = Settings.from_environment({"PREFIXWARM_KILL_SWITCH": "/prefixwarm/stop"})
    assert found.kill_switch == "/prefixwarm/stop"
