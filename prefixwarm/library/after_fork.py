"""Resets objects with locks or threads in a forked process, where the threads are gone."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING
from weakref import WeakSet

if TYPE_CHECKING:
    from typing import Protocol

    class Renewable(Protocol):
        """An object that can reset itself."""

        def renew(self) -> None:
            """Replace locks and forget threads; called in the child before anything else."""


_RENEWABLE: WeakSet[Renewable] = WeakSet()


def renew_after_fork(value: Renewable) -> None:
    """Renew an object in every forked process for as long as it is in use."""
    _RENEWABLE.add(value)


def _renew_all() -> None:
    for value in list(_RENEWABLE):
        value.renew()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_renew_all)
