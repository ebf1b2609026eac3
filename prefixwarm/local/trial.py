"""Deploys a CDK app on this machine, deploys it again, and destroys it."""

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
from prefixwarm.local.errors import LocalCloudError
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
    """Options for trying an app.

    Attributes
    ----------
    events : sequence of object
        Events to invoke environments with, in turn.
    function : str, optional
        The attached function; by default the only one.
    secrets : mapping of str to str
        Values of secrets and parameters by name, or by the id of the construct that creates one.
    key : str, optional
        The only API key that the simulated provider accepts; by default any.
    """

    events: Sequence[object]
    function: str | None = None
    secrets: Mapping[str, str] = field(default_factory=dict)
    key: str | None = None


@dataclass(frozen=True)
class Trial:
    """A deployed app.

    Parameters
    ----------
    assembly
        The synthesised cloud assembly.
    chosen
        The function to try.
    stack
        The deployed parts, prepared to run here.
    placeholders
        Names of the secrets and parameters that have no value of the user's.
    """

    app: CdkApp
    cli: CdkCli
    network: Network
    assembly: Path
    chosen: AssembledFunction
    stack: DeployedStack
    placeholders: Sequence[str] = ()

    def bare(self) -> Function:
        """The function without prefixwarm."""
        return without_prefixwarm(self.stack.agent, self.assembly.parent)

    def deploy_again(self) -> None:
        """Synthesise again and update the deployment."""
        self.network.outside(lambda: synthesise(self.cli.tools, self.app, self.assembly))
        self.cli.deploy(self.assembly, [self.chosen.stack.selector])
        _pause_schedules(self.stack.aws)

    def destroy(self) -> list[str]:
        """Delete every stack; return the names of those that remain."""
        self.cli.destroy(self.assembly, [stack.selector for stack in self._deployed()])
        return [stack.name for stack in self._deployed()]

    def _deployed(self) -> list[AssembledStack]:
        client = self.stack.aws.client("cloudformation")
        pages = client.get_paginator("describe_stacks").paginate()
        names = set(pages.search("Stacks[].StackName"))
        return [one for one in cloud_assembly.stacks(self.assembly) if one.name in names]


@contextmanager
def trial(
    app: CdkApp, options: TrialOptions, tools: Tools, network: Network, progress: Progress
) -> Iterator[Trial]:
    """Deploy an app, and remove everything afterwards.

    Parameters
    ----------
    network
        Network for everything but synthesis.
    progress
        Called with each step, and with each difference from AWS.

    Raises
    ------
    UsageError
        If it is unclear which function to try.
    LocalCloudError
        If a part is missing or a step fails.
    """
    namespaces.check()
    with ExitStack() as closing:
        closing.enter_context(_aws_errors())
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
        placeholders = _deploy(cli, aws, assembly, chosen, wanted, options, progress)
        deployment = read_back(tools, aws, assembly, work)
        deployed = DeployedFunctions(deployment, functions, simulator, network, closing, progress)
        stack = deployed.stack(chosen, options.events)
        yield Trial(app, cli, network, assembly, chosen, stack, placeholders)


@contextmanager
def _aws_errors() -> Iterator[None]:
    """Say in one line what the local AWS API refuses."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise LocalCloudError(f"the local AWS API: {error}") from error


def _deploy(
    cli: CdkCli,
    aws: LocalAws,
    assembly: Path,
    chosen: AssembledFunction,
    wanted: local_secrets.Expected,
    options: TrialOptions,
    progress: Progress,
) -> list[str]:
    """Return the names of the secrets and parameters that got a placeholder."""
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
        progress(f"deployed, but without effect here: {', '.join(own)}")
    return placeholders


_SAVED_QUERY = "AWS::Logs::QueryDefinition"


def _pause_schedules(aws: LocalAws) -> None:
    """Disable the deployed schedules, so that every step starts from a known state."""
    client = aws.client("scheduler")
    for summary in client.list_schedules()["Schedules"]:
        schedule = client.get_schedule(Name=summary["Name"], GroupName=summary["GroupName"])
        fields = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        client.update_schedule(**{name: schedule[name] for name in fields}, State="DISABLED")
