"""Nothing that is started in it can connect anything but itself."""

from __future__ import annotations

import subprocess
import sys

# In a process of its own: where the user is not root, it stays cut off.
SCRIPT = """
import socket, subprocess, sys
from prefixwarm.local.closed_network import ClosedNetwork

CONNECT = "import socket; socket.create_connection(('%s', %d), 5)"
interfaces = lambda: [name for _, name in socket.if_nameindex()]
before = interfaces()
with ClosedNetwork() as network:
    inside, outside = interfaces(), network.outside(interfaces)
    assert inside == ["lo"], inside
    assert outside == before, outside
    server = socket.create_server(("127.0.0.1", 0))
    socket.create_connection(server.getsockname()).close()
    port = server.getsockname()[1]
    connect = [sys.executable, "-c", CONNECT % ("127.0.0.1", port)]
    assert subprocess.run(connect).returncode == 0
    assert network.outside(lambda: subprocess.run(connect, stderr=-3)).returncode != 0
    far = [sys.executable, "-c", CONNECT % ("198.51.100.1", 443)]
    lost = subprocess.run(far, capture_output=True, text=True)
    assert "unreachable" in lost.stderr, lost.stderr
print("cut off")
"""


def test_only_its_own_loopback_is_there() -> None:
    """For this process and its children; synthesis is done outside."""
    command = [sys.executable, "-W", "error", "-c", SCRIPT]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.stdout == "cut off\n", process.stderr
