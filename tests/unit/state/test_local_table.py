"""The table of this process does with an expression what another DynamoDB does."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import boto3
import pytest
from hypothesis import given
from hypothesis import strategies as st
from moto import mock_aws

from prefixwarm.errors import StateError, StateItemError
from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls
from prefixwarm.state.keepwarm_items import due_states
from prefixwarm.state.keepwarm_model import Ledger, Registration
from prefixwarm.state.local_table import LocalTable
from prefixwarm.state.memory import FileState
from prefixwarm.state.model import METRIC
from prefixwarm.state.table_call import ConditionFailed
from prefixwarm.state.update_expression import Change, typed
from prefixwarm.state.warm_state import State
from prefixwarm.wire.deadline import Deadline
from tests.helpers.states import changed

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from prefixwarm.state.table_call import DynamoCall

KEY = "state/anthropic/-/default/support/claude-sonnet-5-5/0123456789abcdef0123456789abcdef"


@pytest.fixture(scope="module")
def moto() -> Iterator[DynamoCall]:
    """Another implementation, in process."""
    with mock_aws():
        client: Any = boto3.client("dynamodb", region_name="us-east-1")
        client.create_table(
            TableName="t",
            KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
            AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
            BillingMode="PAY_PER_REQUEST",
        )
        yield boto_calls(client)


numbers = st.one_of(st.integers(-5, 5), st.sampled_from([0.25, 0.001, 98_765.25, 1_763_700_000.5]))
texts = st.sampled_from(["", "x", "y", "€"])

# Of one type each: the other implementation fails at comparing a text with a number.
TYPES = {"a": numbers, "b": numbers, "c": texts}


def updates_of(name: str) -> st.SearchStrategy[tuple[str, Any]]:
    """What may be done to an attribute."""
    kinds = [
        st.tuples(st.sampled_from(["set", "default"]), TYPES[name]),
        st.tuples(st.just("remove"), st.none()),
    ]
    return st.one_of(*kinds, *([st.tuples(st.just("add"), numbers)] if name != "c" else []))


def conditions_on(name: str) -> st.SearchStrategy[tuple[str, str, str, Any]]:
    """What may be asked of an attribute."""
    operators = st.sampled_from(["=", "<", "<=", ">", ">="])
    kinds = st.sampled_from(["compare", "absent_or", "is_other"])
    return st.tuples(kinds, st.just(name), operators, TYPES[name])


sets = st.tuples(st.sampled_from(["add_to_set"]), st.sampled_from(["f", "g"]))
updates = st.fixed_dictionaries(
    {}, optional={**{name: updates_of(name) for name in TYPES}, "d": sets}
).filter(bool)
conditions = st.lists(
    st.one_of(st.just(("exists", "pk", "", None)), *(conditions_on(name) for name in TYPES)),
    max_size=3,
)
changes = st.tuples(updates, conditions)


def change_of(what: tuple[dict[str, Any], list[Any]]) -> Change:
    """The change that these drawn words describe."""
    change = Change()
    for name, (verb, value) in what[0].items():
        if verb in ("set", "add"):
            getattr(change, verb)(**{name: value})
        else:
            getattr(change, verb)(*((name,) if verb == "remove" else (name, value)))
    for kind, name, operator, value in what[1]:
        if kind == "exists":
            change.require("attribute_exists(pk)")
        elif kind == "is_other":
            # Alone it would stand in two pairs of parentheses, which DynamoDB refuses.
            change.require(
                f"{change.compare(name, operator, value)} OR {change.is_other(name, value)}"
            )
        else:
            change.require(getattr(change, kind)(name, operator, value))
    return change


def result(work: Callable[[], object]) -> object:
    """What it did, as far as two tables must agree."""
    try:
        return plain(work())
    except ConditionFailed as failed:
        return ("condition", plain(dict(failed.item)))
    except StateError:
        return "refused"


def plain(value: Any) -> Any:
    """Numbers as numbers, sets in order."""
    if isinstance(value, dict):
        if set(value) == {"N"}:
            return float(value["N"])
        return {
            name: sorted(held) if name == "SS" else plain(held)
            for name, held in value.items()
            if name not in ("ResponseMetadata", "ConsumedCapacity")
        }
    return value


@given(several=st.lists(changes, min_size=1, max_size=4))
def test_updates_are_those_of_dynamodb(
    moto: DynamoCall, several: list[tuple[dict[str, Any], list[Any]]]
) -> None:
    """Whatever stands there before: the same item after, the same refusal."""
    local, key = LocalTable(), uuid4().hex
    at = {"TableName": "t", "Key": {"pk": {"S": key}}}
    soon = Deadline.after(60)
    for what in several:
        parameters = {**at, **change_of(what).parameters(), "ReturnValues": "ALL_NEW"}
        answers = [
            result(lambda call=call, sent=parameters: call("UpdateItem", sent, soon))
            for call in (local, moto)
        ]
        assert answers[0] == answers[1], (answers, parameters)
        items = [plain(call("GetItem", at, soon)) for call in (local, moto)]
        assert items[0] == items[1], (items, parameters)


@given(pairs=st.lists(st.tuples(changes, changes), min_size=1, max_size=3))
def test_transactions_are_those_of_dynamodb(moto: DynamoCall, pairs: list[Any]) -> None:
    """All of it or nothing."""
    local, keys = LocalTable(), [uuid4().hex, uuid4().hex]
    soon = Deadline.after(60)
    for pair in pairs:
        updates = [
            {
                "Update": {
                    "TableName": "t",
                    "Key": {"pk": {"S": key}},
                    **change_of(what).parameters(),
                }
            }
            for key, what in zip(keys, pair, strict=True)
        ]
        parameters = {"TransactItems": updates, "ClientRequestToken": uuid4().hex}
        for call in (local, moto):
            result(lambda call=call, sent=parameters: call("TransactWriteItems", sent, soon))
        asked = {"RequestItems": {"t": {"Keys": [{"pk": {"S": key}} for key in keys]}}}
        items = [
            sorted(
                (plain(item) for item in call("BatchGetItem", asked, soon)["Responses"]["t"]),
                key=lambda item: str(item["pk"]),
            )
            for call in (local, moto)
        ]
        assert items[0] == items[1], parameters


def test_a_request_with_a_token_counts_once() -> None:
    """However often it is sent."""
    table, change, soon = LocalTable(), Change(), Deadline.after(60)
    change.add(a=1)
    update = {"Update": {"TableName": "t", "Key": {"pk": typed("k")}, **change.parameters()}}
    for token in ("one", "one", "two"):
        parameters = {"TransactItems": [update], "ClientRequestToken": token}
        table("TransactWriteItems", parameters, soon)
    assert table.items["k"]["a"] == {"N": "2"}


def test_garbage_in_an_item_is_refused_or_kept() -> None:
    """An addition to what is no number is an error of the table; a comparison is false."""
    table, soon = LocalTable(), Deadline.after(60)
    at = {"TableName": "t", "Key": {"pk": {"S": "k"}}}
    for garbage in (5, {"N": "x"}, {"N": "inf"}, {"S": 5}, {"L": []}, {"N": "1", "S": "x"}, {}):
        table.items["k"] = {"a": garbage}
        more, held = Change(), Change()
        more.add(a=1)
        with pytest.raises(StateError, match="ADD to a, which has another type"):
            table("UpdateItem", {**at, **more.parameters()}, soon)
        held.set(b=1)
        held.require(held.compare("a", "<=", 1))
        with pytest.raises(ConditionFailed):
            table("UpdateItem", {**at, **held.parameters()}, soon)


OLD = {
    "states": [
        {
            "key": KEY,
            "name": "support",
            "functions": ["a", "b"],
            "warm_until": 1e9,
            "granted_ttl": 3600,
            "idle": 2,
            "lease_owner": "",
            "lease_until": None,
            "spent_usd": 0.5,
            "due_at": 7.5,
            "reason": "",
            "settled": 0,
        }
    ],
    "ledgers": [
        {
            "key": KEY,
            "day": "2026-11-21",
            "outcomes": {"written": 2},
            "spent_usd": 0.5,
            "unpriced": 1,
            "others_usd": 0.0,
            "saves": 3,
            "saved_usd": 0.25,
        }
    ],
}


def test_a_file_of_the_first_format_is_read_and_goes_on(tmp_path: Path) -> None:
    """All that it held, to the cent."""
    path, soon = tmp_path / "state.json", Deadline.after(60)
    path.write_text(json.dumps(OLD))
    store = FileState(path)
    state = State.of(
        KEY,
        name="support",
        functions=("a", "b"),
        warm_until=1e9,
        granted_ttl=3600,
        idle=2,
        spent_usd=0.5,
        due_at=7.5,
    )
    ledger = Ledger(
        key=KEY,
        day="2026-11-21",
        outcomes={"written": 2},
        spent_usd=0.5,
        unpriced=1,
        saves=3,
        saved_usd=0.25,
    )
    for _ in range(2):
        assert changed(store.read(KEY, soon), traffic_at=None, traffic_by="", idle=2) == state
        assert store.due(8, 5, soon).states[0].key == KEY
        assert store.ledger(KEY, ["2026-11-21"], soon) == [ledger]
        store.saw_traffic(KEY, 1e9, METRIC, soon)
    assert json.loads(path.read_text())["format"] == "prefixwarm-state/2"


def test_a_state_file_is_its_owners_alone(tmp_path: Path) -> None:
    """Whatever the umask is, and whoever made it before."""
    path = tmp_path / "state.json"
    path.write_text(json.dumps(OLD))
    path.chmod(0o644)
    before = os.umask(0)
    try:
        FileState(path).saw_traffic(KEY, 1e9, METRIC, Deadline.after(60))
    finally:
        os.umask(before)
    assert {file.name: file.stat().st_mode & 0o777 for file in tmp_path.iterdir()} == {
        "state.json": 0o600,
        "state.json.lock": 0o600,
    }


def test_a_file_of_a_later_format_is_left_alone(tmp_path: Path) -> None:
    """It is not overwritten."""
    path = tmp_path / "state.json"
    path.write_text('{"format": "prefixwarm-state/3", "items": {}}')
    with pytest.raises(StateError, match="is not a state file"):
        FileState(path).saw_traffic(KEY, 1e9, METRIC, Deadline.after(60))
    assert "/3" in path.read_text()


def test_a_bad_item_of_a_file_hides_no_other(tmp_path: Path) -> None:
    """As in the table."""
    path, soon = tmp_path / "state.json", Deadline.after(60)
    store = FileState(path)
    for key in (KEY, f"{KEY}0"):
        store.register(key, Registration(name="support", at=1.0, due_at=1.0), soon)
    document = json.loads(path.read_text())
    document["items"][KEY]["warm_until"] = {"S": "soon"}
    path.write_text(json.dumps(document))
    due = store.due(2, 5, soon)
    assert [state.key for state in due.states] == [f"{KEY}0"]
    assert [error.key for error in due.unreadable] == [KEY]
    with pytest.raises(StateItemError, match="warm_until"):
        store.read(KEY, soon)
    assert due_states([]).unreadable == []
