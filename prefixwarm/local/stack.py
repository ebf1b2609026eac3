"""The deployed system for scenarios and end-to-end tests."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls
from prefixwarm.local import machine_load
from prefixwarm.local.concurrent_starts import start_together
from prefixwarm.local.emulator import Environment
from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.measurements import Run, prefix_state
from prefixwarm.state.store import StateStore
from prefixwarm.wire.deadline import Deadline

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.local.emulated_function import Function
    from prefixwarm.local.emulator import Invocation
    from prefixwarm.local.local_aws import LocalAws
    from prefixwarm.local.measured_run import PrefixState
    from prefixwarm.local.toolchain import Tools
    from prefixwarm.simulator import Simulator


QUESTION = {"message": "Which chain fits an 11-speed cassette, and do you have one in stock?"}

_MINUTE = 60.0
_EVER, _MOST, _PATIENCE = 1e11, 1000, 60.0


@dataclass(frozen=True)
class DeployedStack:
    """Provider, AWS API, and the deployed functions read back from it.

    Parameters
    ----------
    agent
        The agent's function, with the layer attached.
    keepwarm
        The keep-warm function, whose schedule is paused; None where the deployment has none.
    table
        Name of the warm state's table.
    siblings
        The other functions that the layer is attached to, by their construct's id.
    events
        What environments are invoked with, in turn; the first one right after their start.
    """

    tools: Tools
    aws: LocalAws
    provider: Simulator
    agent: Function
    keepwarm: Function | None
    table: str
    siblings: Mapping[str, Function] = field(default_factory=dict)
    events: Sequence[object] = (QUESTION,)

    def clear(self) -> None:
        """Clear the cache, the state and all records."""
        self.provider.reset()
        client = self.aws.client("dynamodb")
        scan = client.get_paginator("scan")
        pages = scan.paginate(TableName=self.table, ProjectionExpression="pk")
        for item in list(pages.search("Items[]")):
            client.delete_item(TableName=self.table, Key=item)

    def start(
        self, function: Function, count: int = 1, *, since: int = 0, earlier_log: str = ""
    ) -> Run:
        """Start environments of `function` together, and ask each the same.

        Parameters
        ----------
        since
            How many of the provider's requests belong to something earlier.
        earlier_log
            What the keep-warm function logged for this run.
        """
        earlier = self.requests_made() - since
        busy = machine_load.busy_cores()
        answers = start_together(function, count, self.events, tools=self.tools)
        self._count_invocations(function, count * len(self.events))
        return Run(
            answers,
            self.provider.requests()[since:],
            entries=self.provider.entries(),
            earlier=earlier,
            clock_offset=self.provider.now() - time.monotonic(),
            busy_cores=busy,
            prefixes=self.prefix_states(),
            earlier_log=earlier_log,
        )

    def requests_made(self) -> int:
        """How many requests the provider has received since the cache was emptied."""
        return len(self.provider.requests())

    def tick(self) -> str:
        """Run the keep-warm function once; what it logged.

        Raises
        ------
        LocalCloudError
            When there is none, or when it fails.
        """
        with self._keeping_warm() as environment:
            return _ticked(environment)

    def move_ahead(self, hours: float) -> str:
        """Let so many hours pass, with the keep-warm function's ticks in which something is due.

        Returns
        -------
        str
            What the keep-warm function logged.
        """
        until, logs = self.provider.now() + 3600 * hours, []
        if self.keepwarm is None:
            self._advance_to(until)
            return ""
        with self._keeping_warm() as environment:
            while (due := self._due_at()) is not None:
                minute = max(due, self.provider.now() + 1)
                at = math.ceil(minute / _MINUTE) * _MINUTE
                if at >= until:
                    break
                self._advance_to(at)
                # The first one learns what time it is, from the table; it may act on it, too.
                logs += [environment.invoke({}).log, _ticked(environment)]
        self._advance_to(until)
        return "".join(logs)

    def prefix_states(self) -> tuple[PrefixState, ...]:
        """The warm state of every prefix, by name."""
        store = StateStore(self.table, boto_calls(self.aws.client("dynamodb")))
        listed = store.due(_EVER, _MOST, Deadline.after(_PATIENCE)).states
        now = self.provider.now()
        return tuple(prefix_state(state, now) for state in sorted(listed, key=lambda s: s.key))

    def _due_at(self) -> float | None:
        store = StateStore(self.table, boto_calls(self.aws.client("dynamodb")))
        states = store.due(_EVER, 1, Deadline.after(_PATIENCE)).states
        return states[0].last_decision.due_at if states else None

    def _advance_to(self, moment: float) -> None:
        self.provider.advance(max(0.0, moment - self.provider.now()))
        self.aws.move_ahead(self.provider.now() - time.time())

    def _keeping_warm(self) -> Environment:
        if self.keepwarm is None:
            raise LocalCloudError("the deployment has no keep-warm function: KeepWarm.off()")
        return Environment(self.keepwarm, tools=self.tools)

    def _count_invocations(self, function: Function, count: int) -> None:
        """As Lambda does by itself; the keep-warm function asks for it."""
        metric = {
            "MetricName": "Invocations",
            "Dimensions": [{"Name": "FunctionName", "Value": function.name}],
            "Timestamp": self.provider.now(),
            "Value": count,
            "Unit": "Count",
        }
        client = self.aws.client("cloudwatch")
        client.put_metric_data(Namespace="AWS/Lambda", MetricData=[metric])


def _ticked(environment: Environment) -> str:
    answer: Invocation = environment.invoke({})
    if answer.status != 200 or "errorMessage" in str(answer.payload):
        raise LocalCloudError(f"the keep-warm function failed: {str(answer.payload)[:300]}")
    return answer.log
