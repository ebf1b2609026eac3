"""What is read of an app that was synthesised, and which function is tried."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from prefixwarm.errors import UsageError
from prefixwarm.local import attached_functions, cloud_assembly
from prefixwarm.local.errors import LocalCloudError
from prefixwarm_layer.layout import KEEPWARM_HANDLER
from tests.unit.local.assemblies import function, stack, write

if TYPE_CHECKING:
    from pathlib import Path

KEEPWARM = function("W/Warmer/KeepWarm/Function", handler=KEEPWARM_HANDLER)


def attached(path: str) -> dict[str, Any]:
    """A function with the layer."""
    return function(path, PREFIXWARM_INIT="auto")


def functions(folder: Path) -> list[cloud_assembly.AssembledFunction]:
    """Those of an assembly."""
    return cloud_assembly.functions(cloud_assembly.stacks(folder))


def test_stacks_say_where_they_are_deployed(tmp_path: Path) -> None:
    """And leave it open where the app does."""
    artifacts = {"B": stack("B", "aws://111122223333/eu-west-1"), "assets": {"type": "cdk:asset"}}
    folder = write(tmp_path, {"A": {}, "B": {}}, **artifacts)
    places = {s.name: (s.account, s.region) for s in cloud_assembly.stacks(folder)}
    assert places == {"A": ("", ""), "B": ("111122223333", "eu-west-1")}


def test_app_without_a_stack_is_an_error(tmp_path: Path) -> None:
    """There is nothing to deploy."""
    with pytest.raises(LocalCloudError, match="the app has no stack"):
        cloud_assembly.stacks(write(tmp_path, {}))


def test_stages_and_nested_stacks_are_read(tmp_path: Path) -> None:
    """With what the CLI knows their stack by, and what leads to the function."""
    nested = {
        "Type": "AWS::CloudFormation::Stack",
        "Metadata": {"aws:asset:path": "Inner.nested.template.json"},
    }
    stage = write(tmp_path / "assembly-Prod", {"ProdAgents": {"Inner": nested}})
    resources = {"Resources": {"Agent1": attached("Prod/Agents/Inner/Agent")}}
    (stage / "Inner.nested.template.json").write_text(json.dumps(resources))
    own = {"type": "cdk:cloud-assembly", "properties": {"directoryName": "assembly-Prod"}}
    (one,) = functions(write(tmp_path, {}, **{"assembly-Prod": own}))
    assert (one.stack.selector, one.nesting, one.logical_id) == ("ProdAgents", ("Inner",), "Agent1")
    assert one.construct_id == "Agent"


def test_only_attached_function_is_the_one(tmp_path: Path) -> None:
    """Prefixwarm's own are none of the user's."""
    folder = write(tmp_path, {"S": {"A1": attached("S/A"), "B1": function("S/B"), "K": KEEPWARM}})
    assert attached_functions.choose(functions(folder), None).path == "S/A"


@pytest.mark.parametrize("name", ["B1", "B", "S/B", "shop-agent"])
def test_function_is_chosen_by_any_of_its_names(tmp_path: Path, name: str) -> None:
    """Logical id, construct's id, path, or the name in the account."""
    second = attached("S/B")
    second["Properties"]["FunctionName"] = "shop-agent"
    folder = write(tmp_path, {"S": {"A1": attached("S/A"), "B1": second}})
    assert attached_functions.choose(functions(folder), name).path == "S/B"


@pytest.mark.parametrize(
    ("resources", "name", "problem"),
    [
        ({}, None, "no function of this app uses prefixwarm: add .*attach"),
        ({"C1": function("S/C")}, None, "no function of this app .*; functions: S/C$"),
        ({"A1": attached("S/A"), "C1": function("S/C")}, "C", "C: prefixwarm is not attached"),
        ({"A1": attached("S/A")}, "X", "X: no attached function has this name; functions: S/A$"),
        (
            {"A1": attached("S/A"), "B1": attached("S/B")},
            None,
            "attached to several functions; choose one with --function; functions: S/A, S/B$",
        ),
        (
            {"A1": attached("S/X/A"), "B1": attached("S/Y/A")},
            "A",
            "--function A: matches several functions",
        ),
    ],
)
def test_unclear_choice_is_one_line(
    tmp_path: Path, resources: dict[str, Any], name: str | None, problem: str
) -> None:
    """With what there is to choose from."""
    folder = write(tmp_path, {"S": {**resources, "K": KEEPWARM}})
    with pytest.raises(UsageError, match=problem):
        attached_functions.choose(functions(folder), name)
