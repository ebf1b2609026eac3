"""What users have deployed survives an upgrade: ids, types and all that cannot be changed."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, Any

import pytest
import releases

import prefixwarm

if TYPE_CHECKING:
    from collections.abc import Callable

STORED = sorted(path.name for path in releases.FOLDER.iterdir())
NOW = ".".join(prefixwarm.__version__.split(".")[:2])


# Each shape takes a second or two to synthesise; a quick run keeps to what is stored whole.
NAMES = [
    pytest.param(name, marks=[pytest.mark.slow] if name in releases.SHAPES else [])
    for name in releases.NAMES
]


@pytest.mark.parametrize("name", NAMES)
def test_the_template_is_the_stored_one(name: str) -> None:
    """A snapshot: after a wanted change run scripts/store-templates, and look at the difference."""
    if releases.made_by(NOW, name) != releases.CDK:
        pytest.skip(f"made by aws-cdk-lib {releases.made_by(NOW, name)}, here is {releases.CDK}")
    assert releases.synthesised(name) == releases.stored(NOW, name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("release", STORED)
def test_an_upgrade_keeps_every_resource(release: str, name: str) -> None:
    """One that is renamed would be deleted, the table with the history of spending among them."""
    if not releases.has(release, name):
        pytest.skip(f"{release} stored no {name}")
    before, now = releases.stored(release, name), releases.synthesised(name)
    assert releases.lost(before, now) == []
    assert releases.replaced(before, now) == []
    policies = ("DeletionPolicy", "UpdateReplacePolicy")
    for logical_id, resource in before.items():
        for policy in policies:
            assert now[logical_id].get(policy) == resource.get(policy), logical_id


def test_the_default_leaves_out_nothing_but_alarms_and_dashboard() -> None:
    """Who upgrades from templates that had them all loses no state, and can have them back."""
    full, default = (releases.stored(NOW, name) for name in ("full", "default"))
    kinds = {full[name]["Type"] for name in releases.lost(full, default)}
    assert kinds == {"AWS::CloudWatch::Alarm", "AWS::CloudWatch::Dashboard"}
    assert releases.replaced(full, default) == []


def with_table(change: Callable[[dict[str, Any]], object]) -> list[str]:
    """What is found when the table's properties are changed."""
    before = releases.stored(NOW, "default")
    after = copy.deepcopy(before)
    (table,) = [r for r in after.values() if r["Type"] == "AWS::DynamoDB::Table"]
    change(table["Properties"])
    return releases.replaced(before, after)


def test_what_replaces_the_table_is_seen() -> None:
    """Its name and its keys; a setting is changed in place."""
    assert with_table(lambda t: t["KeySchema"][0].update(AttributeName="id")) == [
        "WarmTable574B073C.KeySchema"
    ]
    assert with_table(lambda t: t.update(TableName="state")) == ["WarmTable574B073C.TableName"]
    assert with_table(lambda t: t.update(DeletionProtectionEnabled=True)) == []


def test_a_renamed_resource_is_seen() -> None:
    """By its id and by its type."""
    before = releases.stored(NOW, "default")
    after = {name.replace("WarmTable", "WarmStates"): r for name, r in before.items()}
    assert releases.lost(before, after) == ["WarmTable574B073C"]
    after = {name: {**r, "Type": "AWS::DynamoDB::GlobalTable"} for name, r in before.items()}
    assert "WarmTable574B073C" in releases.lost(before, after)


def test_workers_change_nothing_else() -> None:
    """A fleet that grows beyond one tick keeps what it has."""
    without, added = (releases.stored(NOW, name) for name in ("default", "workers"))
    assert releases.lost(without, added) == []
    assert {r["Type"] for name, r in added.items() if name not in without} >= {
        "AWS::SQS::Queue",
        "AWS::Lambda::EventSourceMapping",
    }
