"""Reads back a deployment's functions, and prepares them to run on this machine."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm import settings
from prefixwarm.local.attached_functions import is_attached, is_keep_warm
from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.lambda_endpoint import LambdaEndpoint
from prefixwarm.local.local_function import with_local_services
from prefixwarm.local.stack import DeployedStack
from prefixwarm_layer.layout import KEEPWARM_HANDLER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import ExitStack

    from prefixwarm.local.closed_network import Network
    from prefixwarm.local.cloud_assembly import AssembledFunction
    from prefixwarm.local.deployment import Deployment
    from prefixwarm.local.emulated_function import Function
    from prefixwarm.simulator import Simulator

_OWN_PYTHON = Path(sys.base_prefix)


@dataclass(frozen=True)
class DeployedFunctions:
    """The functions of a deployment, prepared to run here.

    Parameters
    ----------
    every
        All functions of the assembly, deployed or not.
    network
        Network to fetch a runtime's parts in.
    closing
        Resources to close with the deployment.
    progress
        Called with each difference from AWS.
    """

    deployment: Deployment
    every: Sequence[AssembledFunction]
    simulator: Simulator
    network: Network
    closing: ExitStack
    progress: Callable[[str], None]

    def stack(self, chosen: AssembledFunction, events: Sequence[object]) -> DeployedStack:
        """The chosen function and the functions of the same warmer.

        Raises
        ------
        LocalCloudError
            If it has no warm state.
        """
        called: dict[str, Function] = {}
        tools = self.deployment.tools
        endpoint = self.closing.enter_context(LambdaEndpoint(called, tools=tools))
        agent = self._here(chosen, endpoint.url)
        table = agent.env.get(settings.TABLE, "")
        if not table:
            raise LocalCloudError(
                f"{chosen.path}: {settings.TABLE} is not set, so it has no warm state to show"
            )
        others = {one.construct_id: self._here(one, endpoint.url) for one in self._others(chosen)}
        own = {name: one for name, one in others.items() if one.env.get(settings.TABLE) == table}
        called.update({one.name: one for one in own.values()})
        keepwarm = next((one for one in own.values() if one.handler == KEEPWARM_HANDLER), None)
        return DeployedStack(
            tools=tools,
            aws=self.deployment.aws,
            provider=self.simulator,
            agent=agent,
            keepwarm=keepwarm,
            table=table,
            siblings=own,
            events=events,
        )

    def _others(self, chosen: AssembledFunction) -> Iterator[AssembledFunction]:
        """Prefixwarm's other deployed functions."""
        for function in self.every:
            ours = is_attached(function) or is_keep_warm(function)
            if ours and function is not chosen and function.stack.name in self.deployment.stacks:
                yield function

    def _here(self, function: AssembledFunction, lambda_url: str) -> Function:
        name = self.deployment.physical(function)
        for arn in self.deployment.layers_elsewhere(name):
            self.progress(f"{function.path}: without the layer {arn}, which is not this app's own")
        deployed = self.deployment.function(name, lambda runtime: self._python(function, runtime))
        if deployed.python:
            prefix = deployed.python
            self.network.outside(lambda: self.deployment.tools.runtime(prefix))
        return with_local_services(
            deployed, self.deployment.aws, self.simulator, lambda_url=lambda_url
        )

    def _python(self, function: AssembledFunction, runtime: str) -> Path:
        """The runtime's Python, or the running one: for ours, or if this machine lacks it."""
        if is_keep_warm(function):
            return _OWN_PYTHON
        try:
            return self.deployment.tools.python(runtime)
        except LocalCloudError:
            own = f"python{sys.version_info.major}.{sys.version_info.minor}"
            self.progress(
                f"{function.path}: {runtime} is not on this machine, so it runs with {own}: "
                "packages that were compiled for the other one cannot be loaded"
            )
            return _OWN_PYTHON
