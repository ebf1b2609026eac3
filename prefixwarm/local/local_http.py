"""HTTP helpers for processes on this machine."""

from __future__ import annotations

import http.client
import json
import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

if TYPE_CHECKING:
    from pathlib import Path


def fetch(
    method: str,
    url: str,
    body: bytes = b"",
    *,
    seconds: float = 60.0,
    namespace_pid: int | None = None,
) -> tuple[int, bytes]:
    """Send one request, never through a proxy, and return status and reply.

    Parameters
    ----------
    seconds
        Timeout for the next bytes.
    namespace_pid
        Process id whose network namespace to send from; None for this one.

    Raises
    ------
    OSError
        If there is no reply.
    """
    if namespace_pid is not None:
        return _fetch_inside(method, url, body, seconds, namespace_pid)
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=seconds)
    try:
        connection.request(method, urlunsplit(("", "", *address[2:])), body)
        reply = connection.getresponse()
        return reply.status, reply.read()
    except http.client.HTTPException as error:
        raise OSError(f"{url}: no reply: {error!r}") from error
    finally:
        connection.close()


def parsed(body: bytes) -> Any:
    """The JSON value of a reply, or its text."""
    try:
        return json.loads(body)
    except ValueError:
        return body.decode(errors="replace")


def loopback_address() -> str:
    """Pick an address of 127.0.0.0/8 that is very likely unused.

    With one address each, servers with fixed ports need no search for free ones.
    """
    pick = random.SystemRandom().randint
    return f"127.{pick(1, 254)}.{pick(0, 255)}.{pick(2, 254)}"


def last_line(log: Path) -> str:
    """The last non-empty line of a log file."""
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "nothing in its log"


def _fetch_inside(
    method: str, url: str, body: bytes, seconds: float, pid: int
) -> tuple[int, bytes]:
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    enter = ["nsenter", "--target", str(pid), "--net", *user]
    command = [*enter, sys.executable, "-m", __name__, method, url, str(seconds)]
    process = subprocess.run(command, input=body, capture_output=True)  # noqa: S603
    if process.returncode:
        reason = process.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise OSError(f"{url}: no reply inside the environment: {' '.join(reason)}")
    status, _, reply = process.stdout.partition(b"\n")
    return int(status), reply


def _main() -> None:
    method, url, seconds = sys.argv[1:]
    status, reply = fetch(method, url, sys.stdin.buffer.read(), seconds=float(seconds))
    sys.stdout.buffer.write(b"%d\n%b" % (status, reply))


if __name__ == "__main__":
    _main()
