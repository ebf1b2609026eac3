"""Compiles a prefix file in the init phase, where nobody compiled it before the deployment.

This is rare, so a start with compiled prefixes does not load this module.
"""

from __future__ import annotations

import os

from prefixwarm.errors import PrefixFileError
from prefixwarm.prefix.compiled import WarmCall, compile_prefix
from prefixwarm.prefix.file_form import read

# A larger body lies on the disk until it is sent, not in memory.
_LARGE_BYTES = 256 * 1024
_DISK = "/tmp"  # noqa: S108 - private to the execution environment


def compile_file(path: str) -> WarmCall:
    """Return the warm call of this prefix file.

    Raises
    ------
    PrefixFileError
        It is not a prefix file.
    """
    return _on_disk(compile_prefix(read(path)))


def _on_disk(call: WarmCall) -> WarmCall:
    """Move the body into a file without a name, which ends with this process.

    If the disk is full or read-only, the body stays in memory.
    """
    if len(call.body) < _LARGE_BYTES:
        return call
    path, flags = f"{_DISK}/.prefixwarm-{os.urandom(8).hex()}", os.O_RDWR | os.O_CREAT | os.O_EXCL
    try:
        descriptor = os.open(path, flags, 0o600)
        os.unlink(path)
        with open(descriptor, "wb", closefd=False) as file:
            file.write(call.to_bytes())
        return WarmCall.from_file(f"/proc/self/fd/{descriptor}")
    except (OSError, PrefixFileError):
        return call
