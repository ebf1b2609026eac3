"""The warm state in memory or in a file: the same operations on a local table."""

from __future__ import annotations

import json
import os
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from prefixwarm.errors import StateError
from prefixwarm.state.changes import DUE_SHARD
from prefixwarm.state.keepwarm_items import ledger_key
from prefixwarm.state.local_table import LocalTable
from prefixwarm.state.store import StateStore
from prefixwarm.state.update_expression import typed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from prefixwarm.wire.deadline import Deadline


_FORMAT = "prefixwarm-state/2"


class MemoryState(StateStore):
    """A thread-safe `StateStore` in this process.

    Attributes
    ----------
    table : LocalTable
        Holds the items.
    """

    def __init__(self) -> None:
        self.table = LocalTable()
        super().__init__("memory", self.table)


class FileState(StateStore):
    """A `StateStore` in one JSON file, safe for concurrent processes on one machine.

    Parameters
    ----------
    path
        Created on the first write, readable only by its owner; its folder must exist.

    Attributes
    ----------
    table : LocalTable
        Reads and writes the file.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.table: LocalTable = _FileTable(os.fspath(path))
        super().__init__("file", self.table)


class _FileTable(LocalTable):
    """A table that reads its items from a file before each operation and writes them after it."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = path

    def __call__(
        self, operation: str, parameters: dict[str, Any], deadline: Deadline
    ) -> dict[str, Any]:
        """See `DynamoCall`."""
        with self.lock, self._locked():
            before = self._load()
            reply = super().__call__(operation, parameters, deadline)
            text = json.dumps({"format": _FORMAT, "items": self.items})
            if operation in ("UpdateItem", "TransactWriteItems") and text != before:
                self._save(text)
            return reply

    @contextmanager
    def _locked(self) -> Iterator[None]:
        try:
            import fcntl
        except ImportError as error:
            raise StateError(f"{self._path}: this system has no file locks; use a table") from error
        try:
            lock = os.open(f"{self._path}.lock", os.O_WRONLY | os.O_CREAT, 0o600)
        except OSError as error:
            raise StateError(f"{self._path}: {error.strerror}") from error
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield
        finally:
            os.close(lock)

    def _load(self) -> str:
        try:
            with open(self._path, "rb") as file:
                data = file.read()
        except FileNotFoundError:
            self.items = {}
            return ""
        except OSError as error:
            raise StateError(f"{self._path}: {error.strerror}") from error
        try:
            text = data.decode("utf-8")
            self.items = _items(json.loads(text))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise StateError(
                f"{self._path}: is not a state file; delete it to start over"
            ) from error
        return text

    def _save(self, text: str) -> None:
        unfinished = f"{self._path}.{os.getpid()}"
        try:
            with open(unfinished, "w", encoding="utf-8", opener=_private) as file:
                file.write(text)
            os.replace(unfinished, self._path)
        except OSError as error:
            raise StateError(f"{self._path}: {error.strerror}") from error


def _private(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, 0o600)
    os.fchmod(descriptor, 0o600)
    return descriptor


def _items(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The items of a file; also reads the first file format."""
    if "format" not in document:
        states = {state["key"]: _state_item(state) for state in document["states"]}
        return states | {
            ledger_key(ledger["key"], ledger["day"]): _ledger_item(ledger)
            for ledger in document["ledgers"]
        }
    if document["format"] != _FORMAT:
        raise ValueError("unknown format")
    return {key: {**item, "pk": {"S": key}} for key, item in document["items"].items()}


def _state_item(state: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes of a state stored as a JSON object, without empty ones."""
    item: dict[str, Any] = {"pk": typed(state["key"])}
    for name, value in state.items():
        if isinstance(value, list):
            item |= {name: {"SS": value}} if value else {}
        elif name != "key" and value not in (None, ""):
            item[name] = typed(value)
    if "due_at" in item:
        item["due_shard"] = typed(DUE_SHARD)
    return item


def _ledger_item(ledger: Mapping[str, Any]) -> dict[str, Any]:
    counts = {f"outcome_{kind}": count for kind, count in ledger["outcomes"].items()}
    sums = {name: ledger[name] for name in ledger if name not in ("key", "day", "outcomes")}
    key = ledger_key(ledger["key"], ledger["day"])
    return {"pk": typed(key)} | {name: typed(value) for name, value in (counts | sums).items()}
