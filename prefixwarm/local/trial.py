"""Takes a CDK app through its life on this machine: deployed, deployed again, destroyed."""

from __future__ import annotations

import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.local import (
    attached_functions,
    cloud_assembly,
    local_secrets,
    namespaces,
    simulated_provider,
)
from prefixwarm.local.cdk_cli import CdkCli, synthesise
from prefixwarm.local.deployed_functions import DeployedFunctions
from prefixwarm.local.deployment import read_back
from prefixwarm.local.emulated_function import ACCOUNT, REGION
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.local.local_function import without_prefixwarm

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from prefixwarm.local.closed_network import Network
    from prefixwarm.local.cloud_assembly import AssembledFunction, AssembledStack
    from prefixwarm.local.emulated_function import Function
    from prefixwarm.local.stack import DeployedStack
    from prefixwarm.local.toolchain import Tools
    from prefixwarm.local.user_app import CdkApp

    Progress = Callable[[str], None]


@dataclass(frozen=True)
class TrialOptions:
    """What is tried of an app.

    Attributes
    ----------
    events : sequence of object
        What environments are invoked with, in turn.
    function : str, optional
        Which attached function; the only one by default.
    secrets : mapping of str to str
        Values of secrets and parameters by name, or by the construct that creates one.
    key : str, optional
        The only API key that the simulated provider takes; any by default.
    """

    events: Sequence[object]
    function: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True)
class Trial:
    """A deployed app, and what can be done with it.

    Parameters
    ----------
    assembly
        What was synthesised.
    chosen
        The function that is tried.
    stack
        What is deployed, as it runs here.
    """

    app: CdkApp
    cli: CdkCli
    network: Network
    assembly: Path
    chosen: AssembledFunction
    stack: DeployedStack

    def bare(self) -> Function:
        """The function without prefixwarm."""
        return without_prefixwarm(self.stack.agent, self.assembly.parent)

    def deploy_again(self) -> None:
        """Synthesise anew and deploy over what is there."""
        self.network.outside(lambda: synthesise(self.cli.tools, self.app, self.assembly))
        self.cli.deploy(self.assembly, [self.chosen.stack.selector])
        _pause_schedules(self.stack.aws)

    def destroy(self) -> list[str]:
        """Delete every stack; names of those that are left."""
        self.cli.destroy(self.assembly, [stack.selector for stack in self._deployed()])
        return [stack.name for stack in self._deployed()]

    def _deployed(self) -> list[AssembledStack]:
        client = self.stack.aws.client("cloudformation")
        pages = client.get_paginator("describe_stacks").paginate()
        names = {stack["StackName"] for page in pages for stack in page["Stacks"]}
        return [one for one in cloud_assembly.stacks(self.assembly) if one.name in names]


@contextmanager
def trial(
    app: CdkApp, options: TrialOptions, tools: Tools, network: Network, progress: Progress
) -> Iterator[Trial]:
    """Deploy an app, and leave nothing behind.

    Parameters
    ----------
    network
        Where everything but synthesis runs.
    progress
        Is called with what happens, and with what is not as in AWS.

    Raises
    ------
    UsageError
        When the app does not say what to try.
    LocalCloudError
        If a part is missing or a step fails.
    """
    namespaces.check()
    with ExitStack() as closing:
        prefix = "prefixwarm-try-"
        work = Path(closing.enter_context(tempfile.TemporaryDirectory(prefix=prefix)))
        assembly = work / "cdk.out"
        network.outside(tools.fetch_all)
        progress(f"synthesising {app.name}")
        network.outside(lambda: synthesise(tools, app, assembly))
        stacks = cloud_assembly.stacks(assembly)
        functions = cloud_assembly.functions(stacks)
        chosen = attached_functions.choose(functions, options.function)
        wanted = local_secrets.expected(stacks)
        progress("starting the simulated provider and the local AWS API")
        simulator = closing.enter_context(simulated_provider.provider(options.key))
        account = chosen.stack.account or wanted.account or ACCOUNT
        aws = closing.enter_context(LocalAws(account, chosen.stack.region or REGION))
        cli = CdkCli(tools, aws.environment())
        _deploy(cli, aws, assembly, chosen, wanted, options, progress)
        deployment = read_back(tools, aws, assembly, work)
        parts = DeployedFunctions(deployment, functions, simulator, network, closing, progress)
        stack = parts.stack(chosen, options.events)
        yield Trial(app, cli, network, assembly, chosen, stack)


def _deploy(
    cli: CdkCli,
    aws: LocalAws,
    assembly: Path,
    chosen: AssembledFunction,
    wanted: local_secrets.Expected,
    options: TrialOptions,
    progress: Progress,
) -> None:
    placeholders = local_secrets.provide(aws, wanted, options.secrets)
    if placeholders:
        progress(f"with a placeholder as value, see --secret: {', '.join(placeholders)}")
    progress(f"deploying {chosen.stack.selector} and what it depends on, with the CDK CLI")
    cli.bootstrap(assembly.parent, aws.account, aws.region)
    cli.deploy(assembly, [chosen.stack.selector])
    _pause_schedules(aws)
    local_secrets.set_created(aws, wanted, options.secrets)
    kinds = sorted({one.kind for one in aws.stand_ins()})
    own = [kind for kind in kinds if kind != _SAVED_QUERY]
    if own:
        progress(f"deployed with nothing behind them: {', '.join(own)}")


_SAVED_QUERY = "AWS::Logs::QueryDefinition"


def _pause_schedules(aws: LocalAws) -> None:
    """Stop the deployed clockwork, so that every step starts from a known state."""
    client = aws.client("scheduler")
    for summary in client.list_schedules()["Schedules"]:
        schedule = client.get_schedule(Name=summary["Name"], GroupName=summary["GroupName"])
        fields = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        client.update_schedule(**{name: schedule[name] for name in fields}, State="DISABLED")
