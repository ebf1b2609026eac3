"""The prefixes of a deployment: their state keys, and their files on demand."""

from __future__ import annotations

from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from prefixwarm.errors import PrefixFileError, SettingsError
from prefixwarm.keepwarm.old_versions import OldVersions
from prefixwarm.prefix.compiled import compile_prefix
from prefixwarm.prefix.file_form import reads
from prefixwarm.prefix.manifest import parse

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from prefixwarm.keepwarm.s3 import Bucket
    from prefixwarm.prefix.compiled import WarmCall
    from prefixwarm.prefix.manifest import Entry, Manifest
    from prefixwarm.settings import Settings
    from prefixwarm.state.warm_state import State


_READERS = 16


class PrefixCatalog:
    """The prefixes in the manifest.

    Objects are addressed by content, so a loaded file stays valid for the environment's life. A
    faulty file is read again whenever it is needed.

    Parameters
    ----------
    bucket
        The bucket of the manifest and the files.
    manifest_key
        The manifest's key.
    tell
        Called for each faulty file, once per problem.
    now
        Epoch seconds; later deployments are unknown to this environment.

    Raises
    ------
    SettingsError
        The manifest cannot be used.
    """

    def __init__(
        self,
        bucket: Bucket,
        manifest_key: str,
        settings: Settings,
        environ: Mapping[str, str],
        report: Callable[[PrefixFileError], None],
        now: float,
    ) -> None:
        self._bucket = bucket
        self._settings = settings
        self._environ = environ
        self._report = report
        self._calls = _Calls()
        self.manifest = self._read_manifest(manifest_key)
        self._keyless = list(self.manifest.entries)
        self.entries: dict[str, Entry] = {}
        self.unregistered: set[str] = set()
        self.broken: dict[str, PrefixFileError] = {}
        self.old_versions = OldVersions()
        self._read_at = now

    def learn_keys(self) -> None:
        """Fill `entries`, by state key; new ones are also `unregistered`."""
        if not self._keyless:
            return
        with ThreadPoolExecutor(_READERS) as pool:
            keys = list(pool.map(self._key, self._keyless))
        pairs = list(zip(keys, self._keyless, strict=True))
        for key, entry in pairs:
            if key is not None:
                functions = {*entry.functions, *self._settings.functions.get(entry.name, ())}
                self.entries[key] = replace(entry, functions=(*sorted(functions),))
                self.old_versions.replaced_by(key, entry)
                self.unregistered.add(key)
        self._keyless = [entry for key, entry in pairs if key is None]

    @property
    def latency_value(self) -> float:
        """The value of a second of waiting in US dollars, from the setting or else the manifest."""
        return self._settings.latency_value or self.manifest.latency_value

    def may_drop(self, state: State) -> bool:
        """Whether a state that is missing from `entries` may be treated as removed.

        Not while keys are unknown, and not if a later deployment, which may run in parallel for a
        while, has registered it.
        """
        return not self._keyless and (state.deployment.at or 0.0) <= self._read_at

    def call(self, entry: Entry) -> WarmCall | None:
        """The entry's warm call; None if its file cannot be used, see `broken`."""
        try:
            call = self._load(entry)
        except PrefixFileError as error:
            self._note(entry, error)
            return None
        self.broken.pop(entry.name, None)
        return call

    def earlier_call(self, key: str, entry: Entry) -> WarmCall:
        """The warm call of an earlier version, by state key.

        Raises
        ------
        PrefixFileError
            Its file is gone, or holds another version.
        """
        call = self._load(entry)
        if self._key_of(call) != key:
            raise PrefixFileError(self._bucket.url(entry.object), "", "holds another version")
        return call

    def _read_manifest(self, key: str) -> Manifest:
        try:
            return parse(self._bucket.read(key), self._bucket.url(key))
        except PrefixFileError as error:
            raise SettingsError(f"the manifest {error}") from error

    def _key(self, entry: Entry) -> str | None:
        if key := entry.key(self._settings.cache_scope, self._environ):
            return key
        call = self.call(entry)
        return self._key_of(call) if call else None

    def _key_of(self, call: WarmCall) -> str:
        return call.key(self._settings.cache_scope, self._environ)

    def _load(self, entry: Entry) -> WarmCall:
        call = self._calls.get(entry.object)
        if call is None:
            call = self._read(entry)
            self._calls.keep(entry.object, call)
        return call

    def _read(self, entry: Entry) -> WarmCall:
        source = self._bucket.url(entry.object)
        prefix = reads(self._bucket.read(entry.object), source)
        if prefix.name != entry.name:
            problem = f"{prefix.name!r}: the manifest calls it {entry.name!r}; deploy again"
            raise PrefixFileError(source, "name", problem)
        return compile_prefix(prefix)

    def _note(self, entry: Entry, error: PrefixFileError) -> None:
        if str(self.broken.get(entry.name)) != str(error):
            self._report(error)
        self.broken[entry.name] = error


class _Calls:
    """A cache of recently used warm calls, limited in bytes; thread-safe."""

    def __init__(self, most: int = 64 * 1024 * 1024) -> None:
        self._most = most
        self._size = 0
        self._lock = Lock()
        self._calls: OrderedDict[str, WarmCall] = OrderedDict()

    def get(self, name: str) -> WarmCall | None:
        with self._lock:
            if name in self._calls:
                self._calls.move_to_end(name)
            return self._calls.get(name)

    def keep(self, name: str, call: WarmCall) -> None:
        with self._lock:
            if name not in self._calls:
                self._size += len(call.body)
            self._calls[name] = call
            while self._size > self._most and len(self._calls) > 1:
                self._size -= len(self._calls.popitem(last=False)[1].body)
