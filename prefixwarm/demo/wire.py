"""One HTTP POST, also from inside another process's network namespace."""

from __future__ import annotations

import http.client
import os
import subprocess
import sys
from urllib.parse import urlsplit

from prefixwarm.demo.errors import BenchError

__all__ = ["post"]


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
