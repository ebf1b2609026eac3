"""Loads the compiled prefixes of this environment."""

from __future__ import annotations

import os

from prefixwarm.errors import PrefixFileError
from prefixwarm.prefix.compiled import SUFFIX, WarmCall, compile_prefix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


FOLDERS = ("/opt/prefixwarm/prefixes", "/var/task/prefixes")
MAX_PREFIXES = 20

_PREFIX_FILE = ".prefix.json"
# What is compiled here and is larger lies on the disk until it is sent, and not in memory.
_LARGE_BYTES = 256 * 1024
_DISK = "/tmp"  # noqa: S108 - private to the execution environment


def load_all(folders: tuple[str, ...]) -> Iterator[WarmCall | PrefixFileError]:
    """Yield every prefix in these folders, or its error; at most 20."""
    count = 0
    for folder in folders:
        for name in _names(folder):
            count += 1
            if count > MAX_PREFIXES:
                yield PrefixFileError(folder, "", f"holds more than {MAX_PREFIXES} prefixes")
                return
            try:
                yield _load(folder, name)
            except PrefixFileError as error:
                yield error


def _names(folder: str) -> list[str]:
    try:
        files = os.listdir(folder)
    except OSError:
        return []
    stems = {
        file.removesuffix(s) for file in files for s in (SUFFIX, _PREFIX_FILE) if file.endswith(s)
    }
    return sorted(stems)


def _load(folder: str, name: str) -> WarmCall:
    try:
        return WarmCall.from_file(f"{folder}/{name}{SUFFIX}")
    except FileNotFoundError:
        from prefixwarm.prefix.file_form import read

        return _on_disk(compile_prefix(read(f"{folder}/{name}{_PREFIX_FILE}")))


def _on_disk(call: WarmCall) -> WarmCall:
    """The same call, whose body is in a file without a name, which ends with this process.

    Where the disk is full or read-only, the body stays in memory.
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
