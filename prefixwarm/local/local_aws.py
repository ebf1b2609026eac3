"""Runs the AWS API on this machine: MiniStack, with its own account and loopback address."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple

from prefixwarm.local import local_http, ministack_files
from prefixwarm.local.emulated_function import ACCOUNT, REGION
from prefixwarm.local.errors import LocalCloudError

if TYPE_CHECKING:
    from botocore.session import Session

_PORT = 28566
_START_SECONDS = 120.0
_GRACE_SECONDS = 5.0


class StandIn(NamedTuple):
    """A resource with nothing behind it."""

    kind: str
    stack: str
    logical_id: str


class LocalAws:
    """A running MiniStack; use it as a context manager.

    Parameters
    ----------
    account, region
        Where everything here happens.

    Raises
    ------
    LocalCloudError
        On entry, if it does not start; the message ends with the last line of its log.
    """

    def __init__(self, account: str = ACCOUNT, region: str = REGION) -> None:
        self.account, self.region = account, region
        self._host = local_http.loopback_address()
        self._work = Path(tempfile.mkdtemp(prefix="prefixwarm-aws-"))
        self._process: subprocess.Popen[bytes] | None = None
        # Reuse session and clients: each reads large service models.
        self._session: Session | None = None
        self._clients: dict[str, Any] = {}
        self._creating = Lock()

    def __enter__(self) -> LocalAws:
        with (self._work / "log").open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "prefixwarm.local.ministack_process"],
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
        """The endpoint of all services."""
        return f"http://{self._host}:{_PORT}"

    def environment(self) -> dict[str, str]:
        """Variables that point any AWS SDK or tool here."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            # MiniStack uses an access key of twelve digits as the account.
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_EC2_METADATA_DISABLED": "true",
            **dict.fromkeys(("NO_PROXY", "no_proxy"), self._past_proxies()),
        }

    def client(self, service: str) -> Any:
        """The boto3 client of `service`, independent of the user's profile."""
        with self._creating:
            if service not in self._clients:
                self._clients[service] = self._create_client(service)
            return self._clients[service]

    def _create_client(self, service: str) -> Any:
        from botocore.config import Config
        from botocore.session import Session

        if self._session is None:
            unset = (None, None, None, None)
            self._session = Session({"profile": unset, "config_file": unset})
        return self._session.create_client(
            service,
            endpoint_url=self.url,
            region_name=self.region,
            aws_access_key_id=self.account,
            aws_secret_access_key="local",  # noqa: S106
            config=Config(proxies={}),
        )

    def move_ahead(self, seconds: float) -> None:
        """Let every later reply carry a time so far ahead of the machine's."""
        (self._work / ministack_files.AHEAD).write_text(str(seconds))

    def stand_ins(self) -> list[StandIn]:
        """What was deployed and only exists: MiniStack has no such resource."""
        file = self._work / ministack_files.STAND_INS
        lines = file.read_text().splitlines() if file.exists() else []
        return [StandIn(*json.loads(line)) for line in lines]

    def reset(self) -> None:
        """Delete every resource."""
        local_http.fetch("POST", f"{self.url}/_ministack/reset")

    def close(self) -> None:
        """Stop the API and remove its files."""
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

    def _past_proxies(self) -> str:
        hosts = os.environ.get("no_proxy") or os.environ.get("NO_PROXY")
        return ",".join(filter(None, [hosts, self._host]))

    def _own_environment(self) -> dict[str, str]:
        return {
            "PATH": os.environ.get("PATH", os.defpath),
            "PYTHONPATH": str(Path(__file__).parents[2]),
            "HOME": str(self._work),
            "TMPDIR": str(self._work),
            "BIND_HOST": self._host,
            "GATEWAY_PORT": str(_PORT),
            "MINISTACK_HOST": self._host,
            "MINISTACK_ACCOUNT_ID": self.account,
            "MINISTACK_REGION": self.region,
            # Its other port is fixed, so a second instance could not open it.
            "IOT_MTLS_ENABLED": "0",
            # Functions run in the runtime emulator, never here.
            "LAMBDA_STRICT": "1",
            "DOCKER_HOST": "unix:///nonexistent",
        }

    def _wait_until_healthy(self) -> None:
        end = time.monotonic() + _START_SECONDS
        while not self._healthy():
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > end:
                reason = local_http.last_line(self._work / "log")
                self.close()
                raise LocalCloudError(f"the local AWS API (ministack) does not start: {reason}")
            time.sleep(0.05)

    def _healthy(self) -> bool:
        try:
            local_http.fetch("GET", f"{self.url}/_ministack/health", seconds=10)
        except OSError:
            return False
        return True
