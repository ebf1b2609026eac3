"""Deploys the example with its copies by the CDK CLI, into the account of the current profile."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.local import cdk_cli
from prefixwarm.local.example_app import ExampleApp
from prefixwarm.local.setup import capture_prefix
from prefixwarm.local.user_app import CdkApp

if TYPE_CHECKING:
    from collections.abc import Callable

    from prefixwarm.local.toolchain import Tools
    from prefixwarm.verify.cloud.aws_access import AwsAccess
    from prefixwarm.verify.cloud.run_name import RunName
    from prefixwarm.verify.cloud.verification_plan import VerificationPlan

_STUB = Path(__file__).with_name("stub_provider")


def synthesise(
    tools: Tools,
    name: RunName,
    plan: VerificationPlan,
    work: Path,
    progress: Callable[[str], None],
) -> Path:
    """Capture the agent's prefix and synthesise the stacks; return the cloud assembly.

    Raises
    ------
    LocalCloudError
        When a step fails, with the tool's own reason.
    """
    example, assembly = ExampleApp.installed(), work / "cdk.out"
    progress("capturing the example agent's prefix")
    capture_prefix(example, work / "prefixes")
    context = {
        "name": name.text,
        "prefixes": str(work / "prefixes"),
        "python": plan.python,
        **({"secret": plan.key_secret} if plan.key_secret else {}),
        **({"base_url": plan.base_url} if plan.base_url else {}),
        **({"stub": str(_STUB)} if plan.has_stub else {}),
    }
    progress("synthesising the example")
    command = shlex.join((sys.executable, "verify_app.py"))
    cdk_cli.synthesise(tools, CdkApp(example.app, command, context), assembly)
    return assembly


def deploy(tools: Tools, access: AwsAccess, name: RunName, assembly: Path) -> dict[str, str]:
    """Deploy a cloud assembly; return the stacks' outputs by name.

    Raises
    ------
    LocalCloudError
        When the CDK CLI fails, with its own reason.
    """
    cdk_cli.CdkCli(tools, access.variables()).deploy(assembly)
    client = access.client("cloudformation")
    outputs: dict[str, str] = {}
    for stack in name.stacks[:2]:
        (description,) = client.describe_stacks(StackName=stack)["Stacks"]
        for output in description.get("Outputs", []):
            outputs[output["OutputKey"]] = output["OutputValue"]
    return outputs
