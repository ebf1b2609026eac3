"""Entry point of the launcher's child: finds the layer's code and runs it.

Started as ``bootstrap.py HOLD_MS``, or ``bootstrap.py HOLD_MS restored`` after a snapshot's
restore, with a pipe as descriptor 3; or as ``bootstrap.py observed`` at shutdown. Any error is
logged in one line, and the launcher continues.
"""

from __future__ import annotations

import gc
import os
import sys
from _frozen_importlib import ModuleSpec
from _frozen_importlib_external import MAGIC_NUMBER
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import ModuleType
    from typing import Any

READY = 3
HOME = os.path.dirname(os.path.abspath(__file__))


class Bundle:
    """Imports our modules from one file, in a fifth of the time that separate files take.

    The file holds bytecode, or sources, which `exec` also accepts.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.modules: dict[str, tuple[bool, Any]] | None = None

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """See the import system's interface."""
        if not name.startswith("prefixwarm"):
            return None
        if self.modules is None:
            self.modules = self._read()
        if name not in self.modules:
            return None
        return ModuleSpec(name, self, is_package=self.modules[name][0])  # type: ignore[arg-type]

    def create_module(self, _spec: ModuleSpec) -> None:
        """Use the default module."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        assert self.modules is not None
        exec(self.modules[module.__name__][1], module.__dict__)  # noqa: S102

    def _read(self) -> dict[str, tuple[bool, Any]]:
        try:
            with open(f"{HOME}/code/{self.name}", "rb") as file:
                modules: dict[str, tuple[bool, Any]] = loads(file.read())  # noqa: S302 - our own
        except OSError:
            # No bytecode for this Python: use the sources, which is slower.
            return {}
        return modules


def send_observed() -> None:
    """At shutdown, send the reports left by the function's processes."""
    from prefixwarm_extension import observed

    observed.send_observed(os.environ)


# This process ends before garbage collection could pay off.
gc.disable()
sys.meta_path[:0] = [Bundle(MAGIC_NUMBER.hex()), Bundle("sources")]
at_shutdown = sys.argv[1:] == ["observed"]
try:
    if at_shutdown:
        send_observed()
    else:
        from prefixwarm_extension.main import main

        kind = (*sys.argv[2:], os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"))[0]
        main(os.environ, READY, kind, int(sys.argv[1]))
except BaseException as error:  # noqa: BLE001 - must not fail the function
    what = "observe" if at_shutdown else "init", type(error).__name__
    print(  # noqa: T201
        '{"service":"prefixwarm","by":"%s","outcome":"failed","reason":"%s"}' % what,  # noqa: UP031
        flush=True,
    )
    if not at_shutdown:
        os.write(READY, b"next\n")
# Skip the interpreter's clean-up, which costs as much as the signed call.
os._exit(0)
