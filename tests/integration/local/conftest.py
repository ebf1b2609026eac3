"""A function and an extension small enough to see through."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from prefixwarm.local.emulated_function import Function
from prefixwarm.local.toolchain import Tools

if TYPE_CHECKING:
    from pathlib import Path

HANDLER = """
import os, socket, sys
print("module loaded")

def handler(event, context):
    print("handled", event)
    answer = {"event": event, "env": dict(os.environ), "uid": os.getuid(), "path": sys.path}
    return {**answer, "remaining_ms": context.get_remaining_time_in_millis()}
"""

# Registers, waits a moment, says so, and sleeps in `next` until SHUTDOWN.
EXTENSION = r"""#!/bin/bash
call() {  # method, path, header, body
    exec 3<>"/dev/tcp/${AWS_LAMBDA_RUNTIME_API/://}"
    printf '%s /2020-01-01/extension/%s HTTP/1.0\r\n%s\r\nContent-Length: %d\r\n\r\n%s' \
        "$1" "$2" "$3" "${#4}" "$4" >&3
    cat <&3
    exec 3>&-
}
reply=$(call POST register "Lambda-Extension-Name: ${0##*/}" '{"events":["SHUTDOWN"]}')
id=$(printf '%s' "$reply" | tr -d '\r' | sed -n 's/^Lambda-Extension-Identifier: //Ip')
sleep 0.3
echo "extension: initialized as $AWS_LAMBDA_INITIALIZATION_TYPE"
call GET event/next "Lambda-Extension-Identifier: $id" "" | grep -o SHUTDOWN
echo "extension: over"
"""

BOOTSTRAP = r"""#!/bin/bash
api="${AWS_LAMBDA_RUNTIME_API/://}"
ask() {
    exec 3<>"/dev/tcp/$api"
    printf '%s /2018-06-01/runtime/invocation/%s HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s' \
        "$1" "$2" "${#3}" "$3" >&3
    cat <&3
    exec 3>&-
}
while true; do
    id=$(ask GET next "" | tr -d '\r' | sed -n 's/^Lambda-Runtime-Aws-Request-Id: //Ip')
    ask POST "$id/response" "\"python: $(command -v python3 || echo none)\"" >/dev/null
done
"""


@pytest.fixture(scope="session")
def tools() -> Tools:
    """The machine's cache of parts."""
    return Tools()


@pytest.fixture
def function(tmp_path: Path) -> Function:
    """A handler that tells what it sees."""
    code = tmp_path / "code"
    code.mkdir()
    (code / "handler.py").write_text(HANDLER)
    return Function(code, name="trivial", timeout=30)


@pytest.fixture
def extension_layer(tmp_path: Path) -> Path:
    """A layer with one bash extension."""
    return script(tmp_path / "layer" / "extensions" / "waiting", EXTENSION).parent.parent


@pytest.fixture
def custom_runtime(tmp_path: Path) -> Function:
    """A function on a custom runtime, where there is no Python."""
    return Function(script(tmp_path / "code" / "bootstrap", BOOTSTRAP).parent, python=None)


def script(path: Path, text: str) -> Path:
    """Write an executable file."""
    path.parent.mkdir(parents=True)
    path.write_text(text)
    path.chmod(0o755)
    return path
