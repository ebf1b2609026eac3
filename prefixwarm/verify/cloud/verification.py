"""One run in an account: deploys, measures part by part, and removes everything in any case."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefixwarm.attach.aws_errors import aws_errors
from prefixwarm.errors import DeploymentError, PrefixwarmError
from prefixwarm.local.setup import PREFIX_NAME
from prefixwarm.local.stack import QUESTION
from prefixwarm.local.toolchain import Tools
from prefixwarm.verify.cloud import (
    environment_end,
    example_deployment,
    observations_arrived,
    runtime_file_systems,
    snapstart_restores,
    start_pairs,
)
from prefixwarm.verify.cloud.lambda_calls import LambdaCalls
from prefixwarm.verify.cloud.probe_functions import ProbeFunctions
from prefixwarm.verify.cloud.removal import Removal
from prefixwarm.verify.cloud.verification_plan import (
    OBSERVATIONS,
    RUNTIMES,
    SHUTDOWN,
    SNAPSTART,
    STARTS,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.verify.cloud.aws_access import AwsAccess
    from prefixwarm.verify.cloud.run_name import RunName
    from prefixwarm.verify.cloud.verification_plan import VerificationPlan

# Longer than a pair of starts takes.
_WARM_SECONDS = 120


@dataclass
class Verification:
    """A run that was begun.

    Parameters
    ----------
    progress
        Is told what is being done.

    Attributes
    ----------
    results : dict
        What each part has shown, by its name.
    problems : dict of str to str
        Why a part has shown nothing.
    left : list of str
        What could not be removed afterwards.
    """

    access: AwsAccess
    name: RunName
    plan: VerificationPlan
    progress: Callable[[str], None]
    results: dict[str, Any] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    left: list[str] = field(default_factory=list)

    def run(self) -> None:
        """Do every part; what fails does not keep the others from it.

        Raises
        ------
        PrefixwarmError
            When the example cannot be deployed.
        """
        outputs = self._deployed() if self.plan.deploys else {}
        calls, probes = LambdaCalls(self.access), ProbeFunctions(self.access, self.name)
        parts: dict[str, Callable[[], Any]] = {
            STARTS: lambda: self._starts(calls, outputs),
            OBSERVATIONS: lambda: self._observations(calls, outputs),
            RUNTIMES: lambda: runtime_file_systems.measure(
                probes, self.plan.runtimes, self.progress
            ),
            SNAPSTART: lambda: snapstart_restores.measure(
                self.access, probes, outputs["AgentFunctionName"]
            ),
            SHUTDOWN: lambda: environment_end.measure(probes),
        }
        for part in self.plan.parts:
            self.progress(part)
            try:
                with aws_errors(part):
                    self.results[part] = parts[part]()
            except PrefixwarmError as error:
                self.problems[part] = str(error)

    def remove(self) -> None:
        """Remove all that the run has made; `left` is what that did not succeed with."""
        removal = Removal(self.access, self.name, self.progress)
        removal.run()
        self.left = removal.left

    def _deployed(self) -> dict[str, str]:
        self.access.require_bootstrap()
        tools = Tools()
        with tempfile.TemporaryDirectory(prefix="prefixwarm-verify-") as folder:
            assembly = example_deployment.synthesise(
                tools, self.name, self.plan, Path(folder), self.progress
            )
            self.progress("deploying with the CDK CLI: some minutes")
            return example_deployment.deploy(tools, self.access, self.name, assembly)

    def _starts(self, calls: LambdaCalls, outputs: dict[str, str]) -> dict[str, Any]:
        keep_warm = outputs["KeepWarmFunctionName"]
        ask = {"warm": [PREFIX_NAME], "wait": True, "needed_for_seconds": _WARM_SECONDS}

        def prepare(text: str) -> None:
            # What is measured is the start that finds its prefix warm.
            self.progress(text)
            answer = calls.invoke(keep_warm, ask)
            if answer.failed:
                raise DeploymentError(f"the keep-warm function failed: {str(answer.value)[:200]}")

        plain, layer = outputs["PlainFunctionName"], outputs["AgentFunctionName"]
        return start_pairs.measure(calls, plain, layer, self.plan.starts, prepare).document()

    def _observations(self, calls: LambdaCalls, outputs: dict[str, str]) -> dict[str, Any]:
        agent, table = outputs["ObservedFunctionName"], outputs["TableName"]
        questions = self.plan.questions
        return observations_arrived.measure(self.access, calls, agent, table, QUESTION, questions)
