"""Deploys the example to the local cloud, from nothing but an installation."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.local import namespaces
from prefixwarm.local.deployment import deploy
from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.example_app import ExampleApp
from prefixwarm.local.local_aws import LocalAws
from prefixwarm.local.simulated_provider import KEY, provider
from prefixwarm.local.stack import QUESTION, DeployedStack

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.local.deployment import Deployment
    from prefixwarm.local.toolchain import Tools
    from prefixwarm.simulator import Simulator


_NAME = "support"
_SECRET = "prefixwarm-demo/api-key"  # noqa: S105 - a name
_CAPTURE = "from prefixwarm.cli import main; main()"
# What two different conversations share is the prefix.
_AGENT = f"""
import handler
handler.handler({QUESTION!r}, None)
handler.handler({{"message": "Where is my order 4711?"}}, None)
"""


@contextlib.contextmanager
def stack(tools: Tools, progress: Callable[[str], None]) -> Iterator[DeployedStack]:
    """Set everything up, and leave nothing behind.

    Parameters
    ----------
    say
        Is told what is happening.

    Raises
    ------
    LocalCloudError
        If a part is missing or a step fails.
    """
    example = ExampleApp.installed()
    namespaces.check()
    with contextlib.ExitStack() as stack:
        work = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="prefixwarm-demo-")))
        progress("starting the simulated provider and the local AWS API")
        simulator = stack.enter_context(provider())
        aws = stack.enter_context(LocalAws())
        progress("capturing the agent's own request into a prefix file")
        prefix_file = capture_prefix(example, work / "prefixes")
        progress("fetching AWS's runtime emulator and the CDK CLI, unless they are here already")
        tools.fetch_all()
        progress("deploying the agent stack and the warmer stack with the CDK CLI")
        deployment = _deploy(tools, aws, simulator, example, work)
        _pause_schedules(aws)
        yield _stack(deployment, simulator, prefix_file)


def capture_prefix(example: ExampleApp, folder: Path) -> Path:
    """Write the example agent's prefix file into `folder`, as `prefixwarm capture` does.

    Raises
    ------
    LocalCloudError
        If that fails.
    """
    command = [sys.executable, "-c", _CAPTURE, "capture", "--name", _NAME, "--out", str(folder)]
    agent = ["--", sys.executable, "-c", _AGENT]
    process = subprocess.run(  # noqa: S603
        [*command, *agent],
        cwd=example.agent,
        env={**_neutral(), "ANTHROPIC_API_KEY": KEY, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    files = sorted(folder.glob("*.prefix.json"))
    if process.returncode or len(files) != 1:
        reason = (process.stderr or process.stdout).strip().splitlines()[-1:]
        raise LocalCloudError(f"prefixwarm capture: {' '.join(reason) or 'wrote no prefix file'}")
    return files[0]


def _neutral() -> dict[str, str]:
    """The environment without the user's own accounts."""
    user_prefixes = ("AWS_", "ANTHROPIC_", "AGENT_", "PREFIXWARM_")
    return {name: value for name, value in os.environ.items() if not name.startswith(user_prefixes)}


def _deploy(
    tools: Tools, aws: LocalAws, simulator: Simulator, example: ExampleApp, work: Path
) -> Deployment:
    secret = aws.client("secretsmanager").create_secret(Name=_SECRET, SecretString=KEY)
    context = {
        "prefixes": str(work / "prefixes"),
        "base_url": simulator.url,
        "secret": secret["ARN"],
        # The environments run on this very Python.
        "python": f"{sys.version_info.major}.{sys.version_info.minor}",
    }
    command = [sys.executable, "app.py"]
    return deploy(tools, aws, command, folder=example.app, work=work, context=context)


def _pause_schedules(aws: LocalAws) -> None:
    """Stop the deployed clockwork, so that every scenario starts from a known state."""
    client = aws.client("scheduler")
    for summary in client.list_schedules()["Schedules"]:
        schedule = client.get_schedule(Name=summary["Name"], GroupName=summary["GroupName"])
        fields = ("Name", "GroupName", "ScheduleExpression", "FlexibleTimeWindow", "Target")
        client.update_schedule(**{name: schedule[name] for name in fields}, State="DISABLED")


def _stack(deployment: Deployment, simulator: Simulator, prefix_file: Path) -> DeployedStack:
    return DeployedStack(
        tools=deployment.tools,
        aws=deployment.aws,
        provider=simulator,
        prefix_file=prefix_file,
        agent=deployment.function(deployment.output("AgentFunctionName")),
        light=deployment.function(deployment.output("LightFunctionName")),
        keepwarm=deployment.function(deployment.output("KeepWarmFunctionName")),
        table=deployment.output("TableName"),
    )
