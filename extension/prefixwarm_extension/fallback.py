"""The extension's life cycle without the launcher: registers and idles until shutdown.

Only for a bash that cannot open sockets; warms nothing.
"""

import os
import socket
import sys
import time


def call(method: str, path: str, header: str, body: str) -> str:
    """Call the Extensions API; return the reply's head and body."""
    host, _, port = os.environ["AWS_LAMBDA_RUNTIME_API"].rpartition(":")
    with socket.create_connection((host, int(port))) as connection:
        request = (
            f"{method} /2020-01-01/extension/{path} HTTP/1.1\r\nHost: {host}:{port}\r\n{header}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}"
        )
        connection.sendall(request.encode())
        return connection.makefile("r", encoding="latin-1", newline="").read()


def identifier(reply: str) -> str:
    """The extension's id in the registration's reply."""
    for line in reply.split("\r\n"):
        name, _, value = line.partition(":")
        if name.lower() == "lambda-extension-identifier":
            return value.strip()
    return ""


def main(name: str) -> None:
    """Register for shutdown and wait for it."""
    reply = call("POST", "register", f"Lambda-Extension-Name: {name}", '{"events":["SHUTDOWN"]}')
    header = f"Lambda-Extension-Identifier: {identifier(reply)}"
    while not call("GET", "event/next", header, "").startswith("HTTP/1.1 200"):
        time.sleep(1)


if __name__ == "__main__":
    main(sys.argv[1])
