"""The AWS API on this machine: MiniStack, with an account and a loopback address of its own."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, cast

from prefixwarm.demo.errors import BenchError
from prefixwarm.demo.function import ACCOUNT, REGION
from prefixwarm.demo.wire import last_line, loopback_address

__all__ = ["LocalAws"]

_PORT = 28566
_START_SECONDS = 30.0
_GRACE_SECONDS = 5.0


class LocalAws:
    """A running MiniStack; use it as a context manager.

    Raises
    ------
    BenchError
        On entry, if it does not start; the message ends with the last line of its log.
    """

    def __init__(self) -> None:
        self._host = loopback_address()
        self._work = Path(tempfile.mkdtemp(prefix="prefixwarm-aws-"))
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> LocalAws:
        with (self._work / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=self._own_environment(),
                cwd=self._work,
            )
        atexit.register(self.close)
        self._wait_until_healthy()
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def url(self) -> str:
        """Endpoint of every service."""
        return f"http://{self._host}:{_PORT}"

    def environment(self) -> dict[str, str]:
        """Variables that lead any AWS SDK or tool here."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            # MiniStack takes an access key of twelve digits for the account.
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def client(self, service: str) -> Any:
        """A boto3 client of `service`."""
        import boto3

        # Services are named at run time; the stubs know literal names only.
        return cast("Any", boto3).client(
            service,
            endpoint_url=self.url,
            region_name=REGION,
            aws_access_key_id=ACCOUNT,
            aws_secret_access_key="local",  # noqa: S106
        )

    def reset(self) -> None:
        """Forget every resource."""
        self._call("/_ministack/reset", "POST")

    def close(self) -> None:
        """Stop, and leave nothing behind."""
        atexit.unregister(self.close)
        process, self._process = self._process, None
        if process:
            process.terminate()
            try:
                process.wait(_GRACE_SECONDS)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(self._work, ignore_errors=True)

    def _own_environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": str(self._work),
            "TMPDIR": str(self._work),
            "BIND_HOST": self._host,
            "GATEWAY_PORT": str(_PORT),
            "MINISTACK_HOST": self._host,
            "MINISTACK_ACCOUNT_ID": ACCOUNT,
            "MINISTACK_REGION": REGION,
            # Its other port is a fixed one, and a second instance could not have it.
            "IOT_MTLS_ENABLED": "0",
            # Functions run under the runtime emulator, never here.
            "DOCKER_HOST": "unix:///nonexistent",
        }

    def _wait_until_healthy(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while not self._healthy():
            gone = self._process is None or self._process.poll() is not None
            if gone or time.monotonic() > end:
                reason = last_line(self._work / "log")
                self.close()
                raise BenchError(f"the local AWS API (ministack) does not start: {reason}")
            time.sleep(0.05)

    def _healthy(self) -> bool:
        try:
            self._call("/_ministack/health", "GET")
        except OSError:
            return False
        return True

    def _call(self, path: str, method: str) -> None:
        request = urllib.request.Request(f"{self.url}{path}", method=method)  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as reply:  # noqa: S310
            reply.read()
