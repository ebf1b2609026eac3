"""The example as an app to try: its agent's request is captured first, as any user's would be."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.simulated_provider import KEY
from prefixwarm.local.stack import QUESTION
from prefixwarm.local.trial import TrialOptions, trial
from prefixwarm.local.user_app import CdkApp

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from prefixwarm.local.closed_network import Network
    from prefixwarm.local.example_app import ExampleApp
    from prefixwarm.local.toolchain import Tools
    from prefixwarm.local.trial import Trial


PREFIX_NAME = "support"
_SECRET = "prefixwarm-demo/api-key"  # noqa: S105 - a name
_CAPTURE = "from prefixwarm.cli import main; main()"
# The prefix is what two different conversations share.
_AGENT = f"""
import handler
handler.handler({QUESTION!r}, None)
handler.handler({{"message": "Where is my order 4711?"}}, None)
"""


@contextmanager
def example(
    own: ExampleApp, tools: Tools, network: Network, progress: Callable[[str], None]
) -> Iterator[Trial]:
    """Deploy the example, and leave nothing behind; see `prefixwarm.local.trial.trial`."""
    with tempfile.TemporaryDirectory(prefix="prefixwarm-demo-") as folder:
        prefixes = Path(folder) / "prefixes"
        progress("capturing the agent's own request into a prefix file")
        capture_prefix(own, prefixes)
        context = {
            "prefixes": str(prefixes),
            "secret": _SECRET,
            # The environments run on this Python.
            "python": f"{sys.version_info.major}.{sys.version_info.minor}",
        }
        app = CdkApp(own.app, shlex.join((sys.executable, "app.py")), context)
        options = TrialOptions((QUESTION,), function="Agent", secrets={_SECRET: KEY}, key=KEY)
        with trial(app, options, tools, network, progress) as deployed:
            yield deployed


def capture_prefix(example: ExampleApp, folder: Path) -> None:
    """Write the example agent's prefix file into `folder`, as `prefixwarm capture` does.

    Raises
    ------
    LocalCloudError
        If that fails.
    """
    command = [
        sys.executable,
        "-c",
        _CAPTURE,
        "capture",
        "--name",
        PREFIX_NAME,
        "--out",
        str(folder),
    ]
    agent = ["--", sys.executable, "-c", _AGENT]
    process = subprocess.run(  # noqa: S603
        [*command, *agent],
        cwd=example.agent,
        env={**_neutral(), "ANTHROPIC_API_KEY": KEY, "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
    )
    if process.returncode or len(list(folder.glob("*.prefix.json"))) != 1:
        reason = (process.stderr or process.stdout).strip().splitlines()[-1:]
        raise LocalCloudError(f"prefixwarm capture: {' '.join(reason) or 'wrote no prefix file'}")


def _neutral() -> dict[str, str]:
    """The environment without the user's accounts."""
    user_prefixes = ("AWS_", "ANTHROPIC_", "AGENT_", "PREFIXWARM_")
    return {name: value for name, value in os.environ.items() if not name.startswith(user_prefixes)}
