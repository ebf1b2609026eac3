"""Opens the ``store=`` of the library's classes, which holds warm states and ledgers."""

from __future__ import annotations

import os
from typing import Any, TypeAlias

from prefixwarm.errors import UsageError
from prefixwarm.state.memory import FileState, MemoryState
from prefixwarm.state.store import StateStore

_READ_SECONDS = 2.0

# A DynamoDB table's name, a file's path, or an open store.
Store: TypeAlias = "str | os.PathLike[str] | StateStore | Any | None"


def open_store(store: Store = None) -> StateStore:
    """Open the store named by the user.

    Parameters
    ----------
    store : str, path, StateStore or None
        A string is the name of a DynamoDB table, such as the value of ``PREFIXWARM_TABLE`` in a
        deployed agent. It is accessed with boto3 if that is installed, or else with the AWS
        credentials in the environment. A `pathlib.Path` is a file shared by the processes of one
        machine. None keeps everything in this process.

    Raises
    ------
    UsageError
        It is none of these.
    """
    if store is None:
        return MemoryState()
    if isinstance(store, os.PathLike):
        return FileState(store)
    if isinstance(store, str):
        return _named_table(store)
    if hasattr(store, "take_lease"):
        opened: StateStore = store
        return opened
    name = getattr(store, "table_name", None)
    instead = f"its name, {name!r}" if isinstance(name, str) else "a table's name or a pathlib.Path"
    raise UsageError(f"store: {type(store).__name__} is not a store; give {instead}")


def _named_table(name: str) -> StateStore:
    if "/" in name or name.endswith(".json"):
        raise UsageError(
            f"store {name!r}: a string is the name of a table; write pathlib.Path({name!r}) for a "
            "file"
        )
    try:
        import boto3
    except ImportError:
        from prefixwarm.state.table_call import signed_calls
        from prefixwarm.warm.connections import connect

        return StateStore(name, signed_calls(connect(os.environ).aws))
    from prefixwarm.keepwarm.dynamodb_boto3 import boto_calls, quick

    return StateStore(name, boto_calls(boto3.client("dynamodb", config=quick(_READ_SECONDS))))
