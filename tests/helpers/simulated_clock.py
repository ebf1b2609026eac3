"""The simulated time, for all modules of the product at once."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack, contextmanager
from types import FunctionType
from typing import TYPE_CHECKING
from unittest import mock

from prefixwarm.observe import outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import ModuleType


@contextmanager
def simulated_clock(now: Callable[[], float]) -> Iterator[None]:
    """Every module of ours tells the simulated time, also where that is an argument's default."""
    with ExitStack() as stack:
        for name, module in sorted(sys.modules.items()):
            ours = name.startswith(("prefixwarm.", "prefixwarm_extension."))
            if not ours or name.startswith(("prefixwarm.simulator", "prefixwarm.local")):
                continue
            if getattr(module, "time", None) is time.time:
                stack.enter_context(mock.patch.object(module, "time", now))
            for function in _functions(module):
                defaults = tuple(now if d is time.time else d for d in function.__defaults__ or ())
                if defaults != (function.__defaults__ or ()):
                    stack.enter_context(mock.patch.object(function, "__defaults__", defaults))
        stack.enter_context(mock.patch.object(outbox, "monotonic", now))
        yield


def _functions(module: ModuleType) -> Iterator[FunctionType]:
    for value in vars(module).values():
        function = value.__dict__.get("__init__") if isinstance(value, type) else value
        if isinstance(function, FunctionType):
            yield function
