"""Which account, region and deployment a command talks to."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, cast

import boto3
import click
import grimp
import pytest
from botocore.stub import Stubber
from click.testing import CliRunner

from prefixwarm.cli import aws_options
from prefixwarm.cli.command_group import COMMANDS, LazyGroup
from prefixwarm_layer.layout import KEEPWARM_HANDLER

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

NAMES = ("AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "PREFIXWARM_TABLE")
KEYS = {"AWS_ACCESS_KEY_ID": "testing", "AWS_SECRET_ACCESS_KEY": "testing"}
CONFIGURATION = {
    "FunctionName": "keep-warm",
    "FunctionArn": "arn:aws:lambda:us-east-1:123456789012:function:keep-warm",
    "Handler": KEEPWARM_HANDLER,
    "Environment": {
        "Variables": {"PREFIXWARM_TABLE": "shop", "PREFIXWARM_CACHE_SCOPE": "team", "X": "y"}
    },
}
RESOURCE = {
    "LogicalResourceId": "KeepWarm",
    "PhysicalResourceId": "keep-warm",
    "ResourceType": "AWS::Lambda::Function",
    "ResourceStatus": "CREATE_COMPLETE",
    "LastUpdatedTimestamp": "2026-11-28T00:00:00Z",
}


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Mapping[str, str]]]:
    """What a command finds in its environment."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    yield {}
    assert not set(NAMES) & set(os.environ), "left behind"


def run(seen: dict[str, Any], *arguments: str) -> Any:
    """Run a command that looks at its environment."""

    @click.command()
    @aws_options.aws_deployment
    @click.argument("name")
    def command(name: str) -> None:
        seen[name] = dict(os.environ)

    return CliRunner().invoke(command, ["it", *arguments], catch_exceptions=False)


def test_the_options_are_what_sdks_read(seen: dict[str, Any]) -> None:
    """The region by both names, as boto3 reads another one than we do."""
    run(seen, "--region", "eu-north-1", "--profile", "shop", "--table", "states")
    variables = {name: seen["it"].get(name) for name in NAMES}
    assert variables == {
        "AWS_PROFILE": "shop",
        "AWS_REGION": "eu-north-1",
        "AWS_DEFAULT_REGION": "eu-north-1",
        "PREFIXWARM_TABLE": "states",
    }


def test_a_named_profile_goes_before_keys(
    seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """And the keys are there again afterwards."""
    for name, text in KEYS.items():
        monkeypatch.setenv(name, text)
    run(seen, "--profile", "shop")
    assert not set(KEYS) & set(seen["it"])
    assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"


def test_without_options_nothing_changes(seen: dict[str, Any]) -> None:
    """The environment counts."""
    run(seen)
    assert seen["it"] == dict(os.environ)


def test_a_stack_names_its_table(seen: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """By its keep-warm function, whatever deployed it."""
    session = boto3.Session("a", "b", region_name="us-east-1")
    clients = {name: session.client(name) for name in ("cloudformation", "lambda")}
    monkeypatch.setattr(session, "client", clients.__getitem__)
    monkeypatch.setattr("prefixwarm.attach.deployed.open_session", lambda: session)
    with Stubber(clients["cloudformation"]) as stacks, Stubber(clients["lambda"]) as functions:
        stacks.add_response("list_stack_resources", {"StackResourceSummaries": [RESOURCE]})
        functions.add_response("get_function_configuration", CONFIGURATION)
        run(seen, "--stack", "Shop")
    variables = {
        name: seen["it"].get(name) for name in ("PREFIXWARM_TABLE", "PREFIXWARM_CACHE_SCOPE", "X")
    }
    assert variables == {"PREFIXWARM_TABLE": "shop", "PREFIXWARM_CACHE_SCOPE": "team", "X": None}


def test_a_stack_or_a_table(cli: Any) -> None:
    """Not both."""
    ran = cli("status", "--stack", "Shop", "--table", "states")
    assert (ran.code, ran.err.splitlines()[0]) == (
        2,
        "prefixwarm: --table and --stack: give only one",
    )


def reach_aws() -> set[str]:
    """The commands whose code can import boto3, wherever it does."""
    graph = grimp.build_graph("prefixwarm", include_external_packages=True, cache_dir=None)
    # What runs on this machine alone has AWS's API there.
    names = COMMANDS.keys() - {"try", "demo"}
    modules = {name: f"prefixwarm.cli.{name}" for name in names}
    return {n for n, module in modules.items() if "boto3" in graph.find_upstream_modules(module)}


# Of a group, those that do not: the others of it do.
WITHOUT_AWS = {"layer build", "layer package"}


def test_every_command_that_talks_to_aws_has_them() -> None:
    """Profile and region; those that read a state the table as well."""
    for name in reach_aws():
        command = cast("Any", LazyGroup().get_command(click.Context(LazyGroup()), name))
        subcommands = getattr(command, "commands", {"": command})
        for own, leaf in subcommands.items():
            words = f"{name} {own}".strip()
            options = {option for parameter in leaf.params for option in parameter.opts}
            wanted = {"--profile", "--region"} if words not in WITHOUT_AWS else set()
            wanted |= {"--table", "--stack"} if words in ("explain", "status", "warm") else set()
            assert wanted <= options, words


def test_what_is_known_to_talk_to_aws_is_found() -> None:
    """The walk above does not pass because it sees nothing."""
    assert reach_aws() >= {"ask", "attach", "capture", "doctor", "init", "layer", "status", "warm"}
