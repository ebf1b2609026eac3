"""Warms after a SnapStart restore: ``import prefixwarm_snapstart`` in the handler's module.

Under SnapStart the init phase runs when a version is published, long before its first request, so
an entry warmed then is cold at the restore. The import registers a runtime hook that runs the
layer's Python part as a child, as the launcher does, and waits for its signal. Elsewhere the
import does nothing. In the layer this file is ``/opt/python/prefixwarm_snapstart.py``.
"""

from __future__ import annotations

import os
import select
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping


START = "/opt/prefixwarm/bootstrap.py"
READY = 3


def warm_after_restore() -> None:
    """Warm cold prefixes, within `PREFIXWARM_INIT_HOLD_MS`; never raises.

    The runtime allows ten seconds for all hooks.
    """
    try:
        _warm()
    except Exception as error:  # noqa: BLE001 - a failed hook would fail the restore
        reason = f"{type(error).__name__} in the hook"
        print(  # noqa: T201 - the log is standard output
            '{"service":"prefixwarm","by":"init","outcome":"failed",'
            f'"reason":"{reason}","initialization":"restored"}}',
            flush=True,
        )


def _warm() -> None:
    hold_ms = _hold_ms(os.environ)
    reader, writer = os.pipe()
    command = [sys.executable, "-I", "-S", "-OO", START, str(hold_ms), "restored"]
    try:
        actions = [(os.POSIX_SPAWN_DUP2, writer, READY)]
        child = os.posix_spawn(command[0], command, os.environ, file_actions=actions)
        os.close(writer)
        writer = -1
        select.select([reader], [], [], hold_ms / 1000)
        os.waitpid(child, os.WNOHANG)
    finally:
        os.close(reader)
        if writer >= 0:
            os.close(writer)


def _hold_ms(environ: Mapping[str, str]) -> int:
    text = environ.get("PREFIXWARM_INIT_HOLD_MS", "")
    hold_ms = min(int(text), 9000) if text.isdigit() else 3000
    # With a gate, hold only as long as it takes to get the lease.
    return hold_ms or (500 if environ.get("PREFIXWARM_GATE_MS", "0") != "0" else 0)


def _register() -> None:
    if os.environ.get("AWS_LAMBDA_INITIALIZATION_TYPE") != "snap-start":
        return
    try:
        from snapshot_restore_py import register_after_restore
    except ImportError:
        return
    register_after_restore(warm_after_restore)


_register()
