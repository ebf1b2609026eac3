"""A function that the command attached starts under the runtime emulator, and warms."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import boto3

from prefixwarm.attach.detaching import detachment
from prefixwarm.local.deployment import Deployment
from prefixwarm.local.emulator import Environment
from prefixwarm.local.toolchain import Tools
from prefixwarm.simulator import running
from tests.integration.attach.conftest import AGENT, OWN

if TYPE_CHECKING:
    from pathlib import Path

    from tests.integration.attach.conftest import Account


def started(account: Account, work: Path) -> list[dict[str, Any]]:
    """The lines that a start of the function as it is deployed has written of warm calls."""
    tools = Tools()
    function = Deployment(account.aws, tools, work).function(AGENT)
    with Environment(function, tools=tools) as environment:
        assert environment.invoke().payload == 1
        log = environment.close()
    lines = [json.loads(text) for text in log.splitlines() if text.startswith('{"')]
    return [line for line in lines if line.get("by") == "init"]


def test_it_warms_when_it_starts_and_no_longer_when_it_is_detached(
    account: Account, tmp_path: Path
) -> None:
    """With the deployment's bytes, table and key; the function itself answers as ever."""
    with running() as provider:
        variables = {**OWN, "ANTHROPIC_BASE_URL": provider.url}
        runtime = f"python3.{sys.version_info.minor}"
        account.update(Runtime=runtime, Timeout=60, Environment={"Variables": variables})
        account.attach(prefixes=["support"])
        (line,) = started(account, tmp_path)
        assert (line["prefix"], line["outcome"]) == ("support", "written")
        assert [request["warm"] for request in provider.requests()] == [True]
        detachment(AGENT, boto3.Session()).apply(boto3.Session())
        assert started(account, tmp_path) == []
        assert len(provider.requests()) == 1
