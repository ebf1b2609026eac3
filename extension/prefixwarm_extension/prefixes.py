"""Loads the compiled prefixes of this environment."""

from __future__ import annotations

import os

from prefixwarm.errors import PrefixFileError
from prefixwarm.prefix.compiled import SUFFIX, WarmCall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


MAX_PREFIXES = 20

_PREFIX_FILE = ".prefix.json"


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
        from prefixwarm_extension.uncompiled import compile_file

        return compile_file(f"{folder}/{name}{_PREFIX_FILE}")
