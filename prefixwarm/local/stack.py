"""The deployed system that scenarios and end-to-end tests run in."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.local import machine_load
from prefixwarm.local.concurrent_starts import start_together
from prefixwarm.local.measurements import Run

if TYPE_CHECKING:
    from pathlib import Path

    from prefixwarm.local.emulated_function import Function
    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.local.toolchain import Tools
    from prefixwarm.simulator import Simulator


QUESTION = {"message": "Which chain fits an 11-speed cassette, and do you have one in stock?"}


@dataclass(frozen=True)
class DeployedStack:
    """Provider, AWS API, and the deployed functions as they are read back from it.

    Parameters
    ----------
    prefix_file
        The agent's captured prefix.
    agent, light
        The agent and its light twin, both with the layer attached.
    keepwarm
        The keep-warm function, whose schedule is paused.
    table
        Name of the warm state's table.
    """

    tools: Tools
    aws: LocalAws
    provider: Simulator
    prefix_file: Path
    agent: Function
    light: Function
    keepwarm: Function
    table: str

    def clear(self) -> None:
        """Back to the start: nothing cached, no state, nothing recorded."""
        self.provider.reset()
        client = self.aws.client("dynamodb")
        pages = client.get_paginator("scan").paginate(
            TableName=self.table, ProjectionExpression="pk"
        )
        for item in [item for page in pages for item in page["Items"]]:
            client.delete_item(TableName=self.table, Key=item)

    def start(self, function: Function, count: int = 1) -> Run:
        """Start environments of `function` together, and ask each the same question."""
        earlier = len(self.provider.requests())
        busy = machine_load.busy_cores()
        answers = start_together(function, count, QUESTION, tools=self.tools)
        return Run(
            answers,
            self.provider.requests(),
            entries=self.provider.entries(),
            earlier=earlier,
            clock_offset=self.provider.now() - time.monotonic(),
            busy_cores=busy,
        )
