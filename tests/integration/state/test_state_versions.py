"""Items of the table outlive the code that wrote them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.errors import StateError
from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls
from prefixwarm.state.item import VERSION
from prefixwarm.state.model import LeaseRequest
from prefixwarm.state.store import StateStore

if TYPE_CHECKING:
    from prefixwarm.wire.deadline import Deadline

NOW = 1_763_700_000.0


@pytest.fixture
def store(boto: Any, table: str) -> StateStore:
    """The store of the deployed functions."""
    return StateStore(table, boto_calls(boto))


def put(boto: Any, table: str, key: str, **attributes: Any) -> None:
    """An item as some other version left it."""
    boto.put_item(TableName=table, Item={"pk": {"S": key}, **attributes})


def wish() -> LeaseRequest:
    """A start's wish."""
    return LeaseRequest(name="support", owner="a", now=NOW, seconds=30, needed_until=NOW)


def test_items_say_their_version(
    boto: Any, table: str, store: StateStore, key: str, soon: Deadline
) -> None:
    """From the first write on, and it stays what it was."""
    store.take_lease(key, wish(), soon)
    item = boto.get_item(TableName=table, Key={"pk": {"S": key}})["Item"]
    assert item["version"] == {"N": str(VERSION)}


def test_an_item_of_an_older_version_is_read_and_used(
    boto: Any, table: str, store: StateStore, key: str, soon: Deadline
) -> None:
    """It lacks what came later, and has what is gone; its version stays."""
    old = {"version": {"N": "0"}, "warm_until": {"N": "9e9"}, "colour": {"S": "blue"}}
    put(boto, table, key, name={"S": "support"}, **old)
    state = store.read(key, soon)
    assert (state.name, state.life.warm_until, state.money.settled) == ("support", 9e9, 0)
    store.record_use(key, 9e9, 3600, soon)
    item = boto.get_item(TableName=table, Key={"pk": {"S": key}})["Item"]
    assert (item["version"], item["colour"]) == ({"N": "0"}, {"S": "blue"})
    assert store.read(key, soon).life.warm_until == 9e9 + 3600


def test_an_item_without_a_version_is_read(
    boto: Any, table: str, store: StateStore, key: str, soon: Deadline
) -> None:
    """It was written before there were any."""
    put(boto, table, key, idle={"N": "3"})
    assert store.read(key, soon).traffic.idle_refreshes == 3


def test_an_item_of_a_later_version_is_refused_and_left_alone(
    boto: Any, table: str, store: StateStore, key: str, soon: Deadline
) -> None:
    """Its words may mean something else: the line says what to do, and no lease is taken."""
    later = {"version": {"N": str(VERSION + 1)}, "colour": {"S": "blue"}}
    put(boto, table, key, **later)
    with pytest.raises(StateError, match=rf"version {VERSION + 1}.*deploy the later version"):
        store.read(key, soon)
    with pytest.raises(StateError, match="reads up to"):
        store.take_lease(key, wish(), soon)
    item = boto.get_item(TableName=table, Key={"pk": {"S": key}})["Item"]
    assert item == {"pk": {"S": key}, **later}
