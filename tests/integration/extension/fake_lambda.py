"""The launcher as a plain process, against an Extensions API that only notes what it is asked."""

from __future__ import annotations

import os
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from time import sleep
from typing import TYPE_CHECKING

from tests.helpers.waiting import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


@dataclass(frozen=True)
class Life:
    """What became of one launcher.

    Parameters
    ----------
    initialized
        It was registered, and in `next`, while it lived.
    status
        Its exit status after SHUTDOWN; None when it had to be killed.
    """

    initialized: bool
    status: int | None
    output: str


def installed(layer: Path, folder: Path, launcher: str | None = None) -> Path:
    """The layer's launcher, reading from there instead of ``/opt``, and marking in `folder`."""
    text = launcher or (layer / "extensions" / "prefixwarm").read_text()
    text = text.replace("home=/opt/prefixwarm", f"home={layer}/prefixwarm")
    path = folder / "prefixwarm"
    path.write_text(text.replace("/tmp/.prefixwarm-started", f"{folder}/started"))
    path.chmod(0o755)
    return path


class FakeLambda:
    """An Extensions API on loopback for one launcher after the other.

    Parameters
    ----------
    refuse
        Events that cannot be registered.
    """

    def __init__(self, refuse: tuple[str, ...] = ()) -> None:
        self.refuse = refuse
        self.paths: list[str] = []
        self._initialized = threading.Event()
        self._over = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                api.paths.append(self.path.rpartition("/")[2])
                refused = any(event.encode() in body for event in api.refuse)
                self.send_response(403 if refused else 200)
                if not refused:
                    self.send_header("Lambda-Extension-Identifier", "the-id")
                self.send_header("content-length", "0")
                self.end_headers()

            def do_GET(self) -> None:
                api.paths.append("next")
                registered = self.headers["Lambda-Extension-Identifier"] == "the-id"
                if registered:
                    api._initialized.set()
                    api._over.wait(PATIENCE)
                self.send_response(200 if registered else 403)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def __enter__(self) -> FakeLambda:
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()

    def run(self, launcher: Path, env: Mapping[str, str], *, idle: float = 0.0) -> Life:
        """Start it, await `next`, stay idle for some seconds, send SHUTDOWN, and await its end."""
        self._initialized.clear()
        self._over.clear()
        variables = {
            "PATH": os.environ["PATH"],
            "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{self._server.server_port}",
            **env,
        }
        with tempfile.TemporaryFile() as log:
            process = subprocess.Popen([launcher], env=variables, stdout=log, stderr=log)
            initialized = self._until_initialized(process)
            sleep(idle)
            self._over.set()
            try:
                status: int | None = process.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
                status = None
            log.seek(0)
            return Life(initialized, status, log.read().decode(errors="replace"))

    def _until_initialized(self, process: subprocess.Popen[bytes]) -> bool:
        for _ in range(int(PATIENCE * 100)):
            if self._initialized.wait(0.01):
                return process.poll() is None
            if process.poll() is not None:
                return False
        return False
