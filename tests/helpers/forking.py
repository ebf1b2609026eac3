"""A forked process, for tests of what survives a fork."""

from __future__ import annotations

import os
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


def holds_in_child(check: Callable[[], bool]) -> bool:
    """Whether a check holds in a forked process, which ends then."""
    with warnings.catch_warnings():
        # Newer Pythons warn of every fork beside threads: that is what is tested.
        warnings.simplefilter("ignore", DeprecationWarning)
        child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if check() else 2
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
