"""A Lambda function for the emulator: code, layers and configuration."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


ACCOUNT = "123456789012"
REGION = "us-east-1"
MANAGED_INSTANCES = "lambda-managed-instances"

_PATH = "/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:/opt/bin"
_LIBRARIES = (
    "/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:/var/task:/var/task/lib:/opt/lib"
)


@dataclass(frozen=True)
class Function:
    """The parts of one execution environment.

    Parameters
    ----------
    code
        Folder with the unzipped function code (``/var/task``).
    handler
        Handler, as Lambda names it: ``module.function``.
    layers
        Folders with unzipped layers, merged into ``/opt`` in this order.
    env
        The function's own environment variables.
    python
        Installation prefix of the Python that stands for ``/var/lang``; None hides the system's and
        runs `node`, or the code's own ``bootstrap``, like a custom runtime.
    node
        The Node.js of a Node.js runtime; None for Python.
    programs
        If `python` is None, the only visible system programs; None shows all but Python.
    init_type
        Value of ``AWS_LAMBDA_INITIALIZATION_TYPE``. ``lambda-managed-instances`` runs the init
        phase at the start, and only root can start it.
    timeout
        Seconds that one invocation may take.
    """

    code: Path
    handler: str = "handler.handler"
    layers: tuple[Path, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict)
    name: str = "function"
    memory_mb: int = 512
    timeout: int = 30
    python: Path | None = field(default_factory=lambda: Path(sys.base_prefix))
    node: Path | None = None
    programs: tuple[str, ...] | None = None
    init_type: str = "on-demand"

    def having(self, **variables: str) -> Function:
        """Return the function with more environment variables."""
        return replace(self, env={**self.env, **variables})

    def without_layers(self) -> Function:
        """Return the function with an empty ``/opt``."""
        return replace(self, layers=())

    def environment(self) -> dict[str, str]:
        """All variables of the environment: Lambda's own, then the function's.

        Source: "Defined runtime environment variables" in the Lambda developer guide. Those that
        only the runtime sees, and extensions do not, are set where the runtime starts.
        """
        lambda_sets = {
            "PATH": _PATH,
            "LD_LIBRARY_PATH": _LIBRARIES,
            "LANG": "en_US.UTF-8",
            "TZ": ":UTC",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_SESSION_TOKEN": "local",
            "AWS_LAMBDA_FUNCTION_NAME": self.name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(self.memory_mb),
            "AWS_LAMBDA_FUNCTION_TIMEOUT": str(self.timeout),
            "AWS_LAMBDA_INITIALIZATION_TYPE": self.init_type,
            "_HANDLER": self.handler,
        }
        if self.init_type == MANAGED_INSTANCES:
            # Makes the emulator behave like managed instances; it sets the type itself.
            lambda_sets["AWS_LAMBDA_MAX_CONCURRENCY"] = "2"
        return {**lambda_sets, **self.env}
