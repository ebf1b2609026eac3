"""One throw-away Lambda execution environment: AWS's own emulator in private namespaces.

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
_START_SECONDS = 20.0
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
        Milliseconds of the init phase if this invocation began with one, else None.
    log
        What function, extensions and emulator wrote during the invocation.
    began, ended
        When it was sent and answered, in seconds of the monotonic clock.
    """

    payload: Any
    status: int
    init_ms: float | None
    log: str
    began: float = 0.0
    ended: float = 0.0


class Environment:
    """An execution environment that is idle until its first `invoke`, which runs the init phase.

    Parameters
    ----------
    function
        What to run.
    tools
        Where the emulator and its runtime come from.
    network
        False cuts the environment off: it then sees nothing but its own loopback.
    niceness
        How far other processes go first, 0 to 19.
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
        # An address each, so that any number can start at once without a search for free ports.
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
        """Everything written so far by function, extensions and emulator."""
        file = self._work / "log"
        return file.read_text(errors="replace") if file.exists() else ""

    def start(self) -> Environment:
        """Start the idle environment and wait until it can be invoked.

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
        """Invoke the function once; the first time, the init phase comes before.

        Parameters
        ----------
        event
            Anything that JSON can say.

        Raises
        ------
        LocalCloudError
            If the emulator gives no reply.
        """
        before = len(self.log)
        url = f"http://{self._host}:{namespaces.INVOKE_PORT}/2015-03-31/functions/function/invocations"
        # Two inits and one invocation at most, plus the emulator's own shutdown between them.
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
        return Invocation(_parsed(body), status, init_ms, log, began, ended)

    def close(self) -> str:
        """End the environment as Lambda does, with a SHUTDOWN event; return the whole log."""
        if self._process:
            self._signal(signal.SIGTERM)
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(_GRACE_SECONDS)
        log = self.log
        self.kill()
        return log

    def kill(self) -> None:
        """End the environment at once, and through its PID namespace all that it started."""
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
        """The emulator's process id; `unshare`, its parent, does not pass signals on."""
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
def _kill_the_forgotten() -> None:
    for environment in list(_open):
        environment.kill()


def _parsed(body: bytes) -> Any:
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")
