#!/var/lang/bin/python3
"""An extension that says how its environment ends: which signals and events it gets, and when.

Runs in a probe function's layer; standard library only.
"""

from __future__ import annotations

import http.client
import json
import os
import signal
import sys
import time
from pathlib import Path

_API = "/2020-01-01/extension"


def _say(what: str) -> None:
    # Not by `print`: in a handler of signals that may find the stream locked.
    os.write(1, (json.dumps({"probe": "shutdown", "saw": what}) + "\n").encode())


def _signalled(number: int, frame: object) -> None:  # noqa: ARG001 - a handler's signature
    _say(signal.Signals(number).name)


def _call(method: str, path: str, headers: dict[str, str], body: str = "") -> tuple[str, str]:
    """The extension's identifier, as the reply names it, and the reply's body."""
    connection = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    connection.request(method, f"{_API}/{path}", body, headers)
    reply = connection.getresponse()
    return reply.getheader("Lambda-Extension-Identifier") or "", reply.read().decode()


def main() -> None:
    """Register, and say what comes until the environment ends."""
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, _signalled)
    name = {"Lambda-Extension-Name": Path(sys.argv[0]).name}
    identifier, _ = _call("POST", "register", name, json.dumps({"events": ["SHUTDOWN"]}))
    _say("registered")
    _, event = _call("GET", "event/next", {"Lambda-Extension-Identifier": identifier})
    _say(f"SHUTDOWN {json.loads(event).get('shutdownReason', '')}".strip())
    # Whether a signal follows the event.
    time.sleep(1)


if __name__ == "__main__":
    main()
