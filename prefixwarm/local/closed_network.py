"""Cuts this process and its children off from every network but a loopback of their own.

Locally deployed code must not reach a real account, whatever credentials and addresses it finds.
Instead of filtering, there is no way out.
"""

from __future__ import annotations

import ctypes
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, TypeVar

from prefixwarm.local import sandbox
from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from collections.abc import Callable

_T = TypeVar("_T")

# From <sched.h>.
_CLONE_NEWUSER, _CLONE_NEWNET = 0x10000000, 0x40000000
_LIBC = ctypes.CDLL(None, use_errno=True)


class Network(Protocol):
    """The network of a local deployment."""

    def outside(self, work: Callable[[], _T]) -> _T:
        """Run this in the machine's own network, for example to fetch packages."""


class ClosedNetwork:
    """A context manager that cuts off its thread, and all threads and processes started in it.

    Only the new network's loopback works, so start servers inside it. Unless the user is root, the
    process must be single-threaded before, and stays cut off until it ends.

    Raises
    ------
    LocalCloudError
        On entry, if the kernel forbids it.
    """

    def __init__(self) -> None:
        self._outside = ThreadPoolExecutor(1)
        self._before = self._thread = -1

    def __enter__(self) -> ClosedNetwork:
        if os.geteuid():
            _become_root_of_a_namespace()
        # A thread stays in the network that it was started in.
        self._thread = self._outside.submit(threading.get_native_id).result()
        self._before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        _check(_LIBC.unshare(_CLONE_NEWNET), "a network of its own")
        sandbox.loopback_up()
        return self

    def __exit__(self, *_: object) -> None:
        self._outside.shutdown()
        # Refused if the user is root only in a namespace.
        _LIBC.setns(self._before, _CLONE_NEWNET)
        os.close(self._before)

    def outside(self, work: Callable[[], _T]) -> _T:
        """Run this in the machine's own network, for example to fetch packages.

        An interrupt ends the programs that it has started.
        """
        future = self._outside.submit(work)
        try:
            return future.result()
        except BaseException:
            if not future.done():
                _end_children(self._thread)
            raise


def _end_children(thread: int) -> None:
    """End the processes that a thread of this process waits for, and their children."""
    with suppress(OSError):
        children = Path(f"/proc/self/task/{thread}/children").read_text().split()
        for child in map(int, children):
            leads = os.getpgid(child) == child
            (os.killpg if leads else os.kill)(child, signal.SIGTERM)


def _become_root_of_a_namespace() -> None:
    """Do the same as ``unshare --user --map-root-user``."""
    user, group = os.geteuid(), os.getegid()
    _check(_LIBC.unshare(_CLONE_NEWUSER), "a user namespace")
    Path("/proc/self/setgroups").write_text("deny")
    Path("/proc/self/uid_map").write_text(f"0 {user} 1")
    Path("/proc/self/gid_map").write_text(f"0 {group} 1")


def _check(result: int, what: str) -> None:
    if result:
        reason = os.strerror(ctypes.get_errno())
        raise LocalCloudError(
            f"{what}: {reason}: this machine forbids namespaces; run as root, or allow them"
        )
