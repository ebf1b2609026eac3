"""Runs the real CDK CLI: synthesises with no account at all, deploys to one."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.local.emulated_function import ACCOUNT, REGION
from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from prefixwarm.local.toolchain import Tools
    from prefixwarm.local.user_app import CdkApp

# What the CLI or a program that it starts says, and what that means here.
_MEANINGS = (
    (
        re.compile(r"spawn(Sync)? docker|docker exited|docker daemon|docker: not found", re.I),
        (
            "an asset of the app is bundled with Docker, which is not here (PythonFunction of "
            "aws-lambda-python-alpha always is): start Docker, or bundle it with `local=`"
        ),
    ),
    (
        re.compile(r"lookups have been disabled|Need to perform AWS calls"),
        (
            "the app looks something up in an AWS account, and no account is asked here: run "
            "`cdk synth` once with the account's credentials, so that cdk.context.json holds it"
        ),
    ),
)
_KEYS = re.compile(r"Missing context keys: (.*)")


@dataclass(frozen=True)
class CdkCli:
    """Runs ``cdk`` commands in one account, be it the local AWS API's.

    Every method raises `LocalCloudError` with the CLI's own reason when it fails.

    Parameters
    ----------
    account
        Variables that select the account; the user's own are ignored.
    """

    tools: Tools
    account: Mapping[str, str]

    def bootstrap(self, work: Path, account: str = ACCOUNT, region: str = REGION) -> None:
        """Prepare the account; `work` is a folder without an app."""
        self._run(work, "bootstrap", f"aws://{account}/{region}")

    def deploy(self, assembly: Path, stacks: Sequence[str] = ()) -> None:
        """Deploy these stacks of a cloud assembly and what they depend on; all by default."""
        options = ["--app", str(assembly), "--require-approval", "never", "--progress", "events"]
        self._run(assembly.parent, "deploy", *(stacks or ["--all"]), *options)

    def destroy(self, assembly: Path, stacks: Sequence[str] = ()) -> None:
        """Delete these stacks, and those that depend on them; all by default."""
        options = ["--app", str(assembly), "--force"]
        self._run(assembly.parent, "destroy", *(stacks or ["--all"]), *options)

    def _run(self, folder: Path, *arguments: str) -> None:
        environment = {**neutral_environment(self.tools), **self.account}
        _run(self.tools, folder, environment, arguments)


def synthesise(tools: Tools, app: CdkApp, output: Path) -> None:
    """Synthesise a CDK app into the cloud assembly `output`; its folder stays as it is.

    The app gets no credentials, and nothing is looked up.

    Raises
    ------
    LocalCloudError
        With the app's or the CLI's own reason, when it fails.
    """
    account, region = app.environment()
    pairs = [f"{name}={value}" for name, value in app.context.items()]
    context_options = [argument for pair in pairs for argument in ("--context", pair)]
    command = ["--app", app.command] if app.command else []
    # Skip the resource that only reports versions to AWS.
    options = ["--quiet", "--no-version-reporting", "--no-lookups", "--output", str(output)]
    with tempfile.TemporaryDirectory(prefix="prefixwarm-home-") as home:
        config = Path(home) / "config"
        # A profile that cdk.json names has to exist; it holds nothing.
        config.write_text(f"[profile {app.profile}]\nregion = {region}\n" if app.profile else "")
        environment = {
            **neutral_environment(tools),
            "PATH": app.search_path(),
            "CDK_HOME": home,
            "CDK_DEFAULT_ACCOUNT": account,
            "CDK_DEFAULT_REGION": region,
            **dict.fromkeys(("AWS_REGION", "AWS_DEFAULT_REGION"), region),
            "AWS_CONFIG_FILE": str(config),
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        arguments = ("synth", *command, *options, *context_options)
        _run(tools, app.folder, environment, arguments)


def neutral_environment(tools: Tools) -> dict[str, str]:
    """This process's variables without the user's own account."""
    # Proxies and indexes of packages must get in.
    own: Mapping[str, str] = os.environ
    return {
        **{name: text for name, text in own.items() if not name.startswith(("AWS_", "CDK_"))},
        "JSII_NODE": str(tools.node()),
        "JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20",
        "CDK_DISABLE_CLI_TELEMETRY": "true",
        "CDK_DISABLE_VERSION_CHECK": "1",
        # Skip CloudFormation's validation: it takes seconds, and no template leaves this machine.
        "CDK_VALIDATION": "false",
        "PYTHONDONTWRITEBYTECODE": "1",
    }


def _run(
    tools: Tools, folder: Path, environment: Mapping[str, str], arguments: Sequence[str]
) -> None:
    command = [*tools.cdk(), *arguments, "--no-notices", "--no-color"]
    process = subprocess.Popen(  # noqa: S603
        command,
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        # So that it can be ended with the app that it has started.
        start_new_session=True,
    )
    try:
        output, errors = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    if process.returncode:
        raise LocalCloudError(f"cdk {arguments[0]}: {_reason(errors + output)}")


def _reason(text: str) -> str:
    """The most useful lines: the first errors, else the last line."""
    for pattern, meaning in _MEANINGS:
        if pattern.search(text):
            keys = _KEYS.search(text)
            return f"{meaning} ({keys[1].strip()})" if keys else meaning
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [line for line in lines if "error" in line.lower() or "❌" in line]
    return " | ".join(errors[:3] or lines[-1:]) or "failed without a message"
