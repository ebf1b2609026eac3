"""Runs one disposable Lambda execution environment: AWS's own emulator in private namespaces.

The emulator with its Extensions and Runtime APIs is AWS's; ``/opt``, ``/var/task``,
``/var/runtime`` and ``/var/lang`` are what Lambda shows. Memory, CPU share and freezing are not
emulated.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time
import weakref
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from prefixwarm.local import local_http, namespaces
from prefixwarm.local.errors import LocalCloudError
from prefixwarm.local.toolchain import Tools

if TYPE_CHECKING:
    from prefixwarm.local.emulated_function import Function


_INIT = re.compile(r"INIT REPORT\(durationMs: ([\d.]+)\)")
_START_SECONDS = 120.0
_GRACE_SECONDS = 3.0


@dataclass(frozen=True)
class Invocation:
    """One answer of the function.

    Parameters
    ----------
    payload
        The handler's value, or Lambda's error object, parsed.
    status
        HTTP status of the emulator: 200, also for an error that the handler raised; 502 when the
        environment failed.
    init_ms
        Milliseconds of the init phase, or None if this invocation had none.
    log
        Output of function, extensions and emulator during the invocation.
    began, ended
        When it was sent and answered, by the monotonic clock.
    """

    payload: Any
    status: int
    init_ms: float | None
    log: str
    began: float = 0.0
    ended: float = 0.0


class Environment:
    """An execution environment; the first `invoke` runs the init phase.

    Parameters
    ----------
    function
        The function to run.
    tools
        Source of the emulator and its runtime.
    network
        False leaves the environment only its own loopback.
    niceness
        Scheduling priority, 0 to 19; a higher value lets other processes go first.
    """

    def __init__(
        self,
        function: Function,
        *,
        tools: Tools | None = None,
        network: bool = True,
        niceness: int = 0,
    ) -> None:
        self.function = function
        self._tools = tools or Tools()
        self._network = network
        self._niceness = niceness
        # One address each, so that many can start at once without searching for free ports.
        self._host = local_http.loopback_address() if network else "127.0.0.1"
        self._work = Path(tempfile.mkdtemp(prefix="prefixwarm-env-"))
        self._process: subprocess.Popen[bytes] | None = None
        _open.add(self)

    def __enter__(self) -> Environment:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def log(self) -> str:
        """All output of function, extensions and emulator so far."""
        file = self._work / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self) -> Environment:
        """Start the environment and wait until it accepts an invocation.

        Raises
        ------
        LocalCloudError
            If it cannot start; the message ends with the last line of its log.
        """
        tools, work = self._tools, self._work
        command = namespaces.command(self.function, tools, work, self._host, network=self._network)
        with (work / "log").open("wb") as log:
            self._process = subprocess.Popen(  # noqa: S603
                ["nice", "-n", str(self._niceness), *command],  # noqa: S607
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env={},
            )
        try:
            self._wait_until_ready()
        except LocalCloudError:
            self.kill()
            raise
        return self

    def invoke(self, event: object = None) -> Invocation:
        """Invoke the function once; the first call also runs the init phase.

        Parameters
        ----------
        event
            Any JSON value.

        Raises
        ------
        LocalCloudError
            If the emulator gives no reply.
        """
        before = len(self.log)
        url = f"http://{self._host}:{namespaces.INVOKE_PORT}/2015-03-31/functions/function/invocations"
        # At most two inits and one invocation, plus the emulator's shutdown between them.
        seconds = 3 * self.function.timeout + 10
        namespace_pid = None if self._network else self._pid()
        event_json = json.dumps(event).encode()
        began = time.monotonic()
        try:
            status, body = local_http.fetch(
                "POST", url, event_json, seconds=seconds, namespace_pid=namespace_pid
            )
        except OSError as error:
            raise LocalCloudError(f"the runtime emulator gives no answer: {error}") from error
        ended, log = time.monotonic(), self.log[before:]
        init = _INIT.search(log)
        init_ms = float(init[1]) if init else None
        return Invocation(local_http.parsed(body), status, init_ms, log, began, ended)

    def close(self) -> str:
        """End the environment with a SHUTDOWN event, as Lambda does; return the whole log."""
        if self._process:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
        log = self.log
        self.kill()
        return log

    def kill(self) -> None:
        """Kill the environment, and through its PID namespace all its processes."""
        _open.discard(self)
        if self._process:
            self._signal(signal.SIGKILL)
            self._process.communicate()
        shutil.rmtree(self._work, ignore_errors=True)

    def _signal(self, number: signal.Signals) -> None:
        process = cast("subprocess.Popen[bytes]", self._process)
        if process.poll() is not None:
            return
        try:
            os.kill(self._pid(), number)
        except (FileNotFoundError, ValueError):
            # Not yet the emulator.
            process.kill()
        except ProcessLookupError:
            return

    def _pid(self) -> int:
        """The emulator's process id; its parent `unshare` does not forward signals."""
        return int((self._work / "pid").read_text())

    def _wait_until_ready(self) -> None:
        end = time.monotonic() + _START_SECONDS
        log = self._work / "log"
        while not self._ready():
            if self._process is None or self._process.poll() is not None:
                raise LocalCloudError(
                    f"the runtime emulator does not start: {local_http.last_line(log)}"
                )
            if time.monotonic() > end:
                raise LocalCloudError(
                    f"the runtime emulator is silent: {local_http.last_line(log)}"
                )
            time.sleep(0.005)

    def _ready(self) -> bool:
        with suppress(FileNotFoundError, ValueError):
            return namespaces.listens(self._pid(), self._host)
        return False


_open: weakref.WeakSet[Environment] = weakref.WeakSet()


@atexit.register
def _kill_leftovers() -> None:
    for environment in list(_open):
        environment.kill()
