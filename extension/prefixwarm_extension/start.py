"""Where the launcher's child begins: finds the layer's code and runs it.

Started as ``start.py HOLD_MS``, or ``start.py HOLD_MS restored`` after a snapshot's restore, with
a pipe as descriptor 3. Whatever goes wrong, one line says so, and who waits gets the word.
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
    from typing import BinaryIO

WORD = 3
HOME = os.path.abspath(__file__).rpartition("/python/")[0]


class Bundle:
    """Imports modules from one file of bytecode: a fifth of the time of a file for each."""

    def __init__(self, file: BinaryIO) -> None:
        """Read all of it."""
        self.modules = loads(file.read())  # noqa: S302 - our own file

    def find_spec(self, name: str, _path: object, _target: object = None) -> ModuleSpec | None:
        """What the import system asks for."""
        if name not in self.modules:
            return None
        spec = ModuleSpec(name, self, is_package=self.modules[name][0])  # type: ignore[arg-type]
        if spec.submodule_search_locations is not None:
            # What the init phase does not need lies there as source.
            spec.submodule_search_locations.append(f"{HOME}/python/{name.replace('.', '/')}")
        return spec

    def create_module(self, _spec: ModuleSpec) -> None:
        """The usual module."""

    def exec_module(self, module: ModuleType) -> None:
        """Run the module's code."""
        exec(self.modules[module.__name__][1], module.__dict__)  # noqa: S102


# This process ends before a collection could pay.
gc.disable()
sys.path.insert(0, f"{HOME}/python")
try:
    try:
        with open(f"{HOME}/bytecode/{MAGIC_NUMBER.hex()}", "rb") as file:
            sys.meta_path.insert(0, Bundle(file))
    except OSError:
        pass  # no bytecode for this Python: from the sources, which takes longer
    from prefixwarm_extension.main import main

    kind = (*sys.argv[2:], os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE"))[0]
    main(os.environ, WORD, kind, int(sys.argv[1]))
except BaseException as error:  # noqa: BLE001 - the function comes first
    reason = type(error).__name__
    print(  # noqa: T201
        '{"service":"prefixwarm","by":"init","outcome":"failed","reason":"%s"}' % reason,  # noqa: UP031
        flush=True,
    )
    os.write(WORD, b"next\n")
# Without the interpreter's own clean-up, which costs as much as the signed call.
os._exit(0)
