"""Reads the settings and prefix files of this process."""

from __future__ import annotations

import os
from functools import partial
from typing import TYPE_CHECKING

from prefixwarm.observe.harmless import without_fail
from prefixwarm.prefix.prefix_file import find, load
from prefixwarm.settings import PREFIX_FOLDERS, Settings
from prefixwarm.state.table_call import signed_calls
from prefixwarm.state.traffic_store import TrafficStore
from prefixwarm.warm.connections import connect

if TYPE_CHECKING:
    from collections.abc import Sequence

    from prefixwarm.prefix.prefix_file import PrefixFile


def settings() -> Settings:
    """The settings in the environment; disabled if they are invalid."""
    return without_fail(Settings.from_environment) or Settings(disabled=True)


def prefix_files(own: Settings, folders: Sequence[str] = PREFIX_FOLDERS) -> list[PrefixFile]:
    """The prefix files that the init phase warms: in the settings' folder, or else in these."""
    if own.disabled:
        return []
    folders = [own.prefixes] if own.prefixes else folders
    paths = [path for folder in folders for path in without_fail(partial(find, folder)) or []]
    loaded = [without_fail(partial(load, path)) for path in paths]
    return [prefix for prefix in loaded if prefix is not None]


def table_state(own: Settings) -> TrafficStore | None:
    """The table in the settings, or None."""
    if own.table is None:
        return None
    return TrafficStore(own.table, signed_calls(connect(os.environ, own).aws))
