"""Reads the settings and prefix files of this process."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from prefixwarm.observe.harmless import without_fail
from prefixwarm.prefix.prefix_file import find, load
from prefixwarm.settings import Settings
from prefixwarm.warm.connections import connect

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from prefixwarm.prefix.prefix_file import PrefixFile
    from prefixwarm.state.warm_store import WarmStore


_FOLDERS = ("/opt/prefixwarm/prefixes", "/var/task/prefixes")


def settings() -> Settings:
    """The settings in the environment; disabled if they are invalid."""
    return without_fail(Settings.from_environment) or Settings(disabled=True)


def prefix_files(own: Settings) -> list[PrefixFile]:
    """The prefix files of the settings, of the layer, or of the function's own folder."""
    if own.disabled:
        return []
    folders = [own.prefixes] if own.prefixes else _FOLDERS
    paths = without_fail(lambda: _files(folders)) or []
    loaded = [without_fail(partial(load, path)) for path in paths]
    return [prefix for prefix in loaded if prefix is not None]


def table_state(own: Settings) -> WarmStore | None:
    """The table in the settings, or None."""
    return connect(os.environ, own).store if own.table else None


def _files(folders: Sequence[str]) -> list[Path]:
    folder = next((name for name in folders if os.path.isdir(name)), None)  # noqa: PTH112
    return find(folder) if folder else []
