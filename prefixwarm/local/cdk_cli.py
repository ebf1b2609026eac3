"""Runs the real CDK CLI against one account, be it the local AWS API's."""

from __future__ import annotations

import os
import shlex
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prefixwarm.local.emulated_function import ACCOUNT, REGION
from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from prefixwarm.local.toolchain import Tools


@dataclass(frozen=True)
class CdkCli:
    """Runs ``cdk`` commands.

    Parameters
    ----------
    account
        Variables that lead to the account; the user's own do not count.

    Every method raises `LocalCloudError` with the CLI's own reason when it fails.
    """

    tools: Tools
    account: Mapping[str, str]

    def bootstrap(self, work: Path) -> None:
        """Prepare the account; `work` is a folder without an app in it."""
        self._run(work, "bootstrap", f"aws://{ACCOUNT}/{REGION}")

    def synth(
        self,
        app: Sequence[str],
        output: Path,
        *,
        folder: Path,
        context: Mapping[str, str] | None = None,
    ) -> None:
        """Synthesise the command `app`, started in `folder`, into the cloud assembly `output`."""
        pairs = [f"{name}={value}" for name, value in (context or {}).items()]
        context_options = [argument for pair in pairs for argument in ("--context", pair)]
        # A resource that only reports versions to AWS is of no use here.
        options = ["--quiet", "--no-version-reporting", "--output", str(output)]
        self._run(folder, "synth", "--app", shlex.join(app), *options, *context_options)

    def deploy(self, assembly: Path) -> None:
        """Deploy every stack of a cloud assembly."""
        options = ["--require-approval", "never", "--progress", "events"]
        self._run(assembly.parent, "deploy", "--all", "--app", str(assembly), *options)

    def _run(self, folder: Path, *arguments: str) -> None:
        command = [*self.tools.cdk(), *arguments, "--no-notices", "--no-color"]
        process = subprocess.run(  # noqa: S603
            command, cwd=folder, env=self._environment(), capture_output=True, text=True
        )
        if process.returncode:
            raise LocalCloudError(f"cdk {arguments[0]}: {_reason(process.stderr + process.stdout)}")

    def _environment(self) -> dict[str, str]:
        node = str(self.tools.node())
        # Nothing of the user's own account may get in; proxies and indexes of packages must.
        neutral_variables = {
            k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_"))
        }
        return {
            **neutral_variables,
            **self.account,
            "JSII_NODE": node,
            "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CDK_DISABLE_VERSION_CHECK": "1",
            # CloudFormation's rules take seconds, and no template leaves this machine.
            "CDK_VALIDATION": "false",
            "PYTHONDONTWRITEBYTECODE": "1",
        }


def _reason(text: str) -> str:
    """The line that says most: the first with an error, or else the last."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "❌" in line]
    return " | ".join(errors[:3] or lines[-1:]) or "failed without a message"
