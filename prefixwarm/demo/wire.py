"""Small help for talking to processes on this machine."""

from __future__ import annotations

import http.client
import os
import random
import subprocess
import sys
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from prefixwarm.demo.errors import BenchError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["last_line", "loopback_address", "post"]


def post(url: str, body: bytes, seconds: float, *, inside: int | None = None) -> tuple[int, bytes]:
    """Post `body` and return status and reply.

    Parameters
    ----------
    seconds
        Longest silence to bear.
    inside
        Process id whose network namespace to post from; None posts from here.

    Raises
    ------
    BenchError
        If there is no reply.
    """
    if inside is not None:
        return _post_inside(url, body, seconds, inside)
    address = urlsplit(url)
    connection = http.client.HTTPConnection(address.netloc, timeout=seconds)
    try:
        connection.request("POST", address.path, body)
        reply = connection.getresponse()
        return reply.status, reply.read()
    except (OSError, http.client.HTTPException) as error:
        raise BenchError(f"{url}: no reply: {error!r}") from error
    finally:
        connection.close()


def loopback_address() -> str:
    """Pick an address of 127.0.0.0/8 that very likely nobody else uses.

    With an address each, servers with fixed ports start without a search for free ones.
    """
    pick = random.SystemRandom().randint
    return f"127.{pick(1, 254)}.{pick(0, 255)}.{pick(2, 254)}"


def last_line(log: Path) -> str:
    """The last line of a log file with something in it."""
    text = log.read_text(errors="replace") if log.exists() else ""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "nothing in its log"


def _post_inside(url: str, body: bytes, seconds: float, pid: int) -> tuple[int, bytes]:
    user = [] if os.geteuid() == 0 else ["--user", "--preserve-credentials"]
    enter = ["nsenter", "--target", str(pid), "--net", *user]
    command = [*enter, sys.executable, "-m", __name__, url, str(seconds)]
    done = subprocess.run(command, input=body, capture_output=True)  # noqa: S603
    if done.returncode:
        reason = done.stderr.decode(errors="replace").strip().splitlines()[-1:]
        raise BenchError(f"{url}: no reply inside the environment: {' '.join(reason)}")
    status, _, reply = done.stdout.partition(b"\n")
    return int(status), reply


def _main() -> None:
    url, seconds = sys.argv[1:]
    status, reply = post(url, sys.stdin.buffer.read(), float(seconds))
    sys.stdout.buffer.write(b"%d\n%b" % (status, reply))


if __name__ == "__main__":
    _main()
